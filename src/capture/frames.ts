/**
 * The packets of a record as the frames of a capture file.
 *
 * | kind    | frame                                                                             |
 * |---------|-----------------------------------------------------------------------------------|
 * | packet  | ERF header, InfiniBand packet with both CRCs                                       |
 * | message | GRH, or 40 bytes of 0 if there is none, IPoIB header and packet, without any CRC    |
 * | host    | Ethernet frame                                                                    |
 *
 * A message of a connection is one packet with the opcode RC SEND Only, also if a wire would carry it as several: the
 * queue pairs send and receive messages, and analyzers decode no IP packet that is distributed over several InfiniBand
 * packets. One that PktLen of the LRH cannot express is of kind "message", with the fields of LRH and BTH in a comment;
 * so is a large send that was dropped because its headers are invalid.
 */

import { hex } from "../base/hex.ts";
import { ENCAP_LENGTH } from "../base/units.ts";
import { VCRC_LENGTH, writeCrcs } from "../wire/crc.ts";
import { ERF_HEADER_LENGTH, writeErfHeader } from "../wire/erf.ts";
import { ETHERNET_HEADER_LENGTH } from "../wire/ethernet.ts";
import { Grh, GRH_LENGTH } from "../wire/grh.ts";
import { MAX_IP_PACKET } from "../wire/ipv4.ts";
import { LinkNextHeader, Lrh, LRH_LENGTH } from "../wire/lrh.ts";
import {
  BTH_LENGTH,
  DETH_LENGTH,
  ICRC_LENGTH,
  RC_SEND_ONLY,
} from "../wire/transport_headers.ts";
import type { Packet } from "./packet.ts";
import { BodyField, IB_HEADERS_LENGTH, RecordKind } from "./record.ts";

const MAX_FRAME = ERF_HEADER_LENGTH + IB_HEADERS_LENGTH + ENCAP_LENGTH +
  MAX_IP_PACKET + 3 + ICRC_LENGTH + VCRC_LENGTH;
/** Maximum of PktLen, in words of 4 bytes: 11 bits. */
const MAX_PKT_LEN = 0x7ff;
const PAD_COUNT = 0x30;

/** Kinds of frames. */
export type FrameKind = "packet" | "message" | "host";

/** A frame. Its bytes are valid until the next one. */
export interface Frame {
  readonly kind: FrameKind;
  /** The captured bytes, and the length of the frame before it was truncated. */
  readonly bytes: Uint8Array;
  readonly length: number;
  /** Offset in `view` of the IP packet, the ARP packet or the MAD, and its length. */
  readonly view: DataView;
  readonly packet: number;
  readonly packetLength: number;
  /** The fields that a frame of kind "message" lacks. */
  readonly comment?: string;
}

/** Composes frames. */
export class FrameComposer {
  readonly #buffer = new Uint8Array(MAX_FRAME);
  readonly #view = new DataView(this.#buffer.buffer);
  readonly #snapLength: number;
  /** Bytes written to the buffer. */
  #end = 0;

  /** @param snapLength maximum number of bytes of an InfiniBand packet or Ethernet frame to capture */
  constructor(snapLength: number) {
    this.#snapLength = snapLength;
  }

  /** Calls `use` with each frame of the record. */
  forEach(packet: Packet, use: (frame: Frame) => void): void {
    const compose = packet.kind === RecordKind.Frame
      ? () => this.#host(packet)
      : (length: number) =>
        this.#fits(packet, length)
          ? this.#infiniband(packet)
          : this.#message(packet);
    packet.forEach((headers, headersLength, payload, payloadLength) => {
      const { bytes } = packet.memory;
      const length = headersLength + payloadLength;
      const finish = compose(length);
      this.#append(bytes, headers, headersLength);
      this.#append(bytes, payload, payloadLength);
      use(finish(length));
    });
  }

  #append(from: Uint8Array, at: number, length: number): void {
    this.#buffer.set(from.subarray(at, at + length), this.#end);
    this.#end += length;
  }

  /** Appends a header of the record. */
  #header({ memory: { bytes }, body }: Packet, at: number, length: number) {
    this.#append(bytes, body + at, length);
  }

  #host(packet: Packet): (length: number) => Frame {
    this.#end = 0;
    this.#header(packet, BodyField.Ethernet, ETHERNET_HEADER_LENGTH);
    return (length) => this.#frame("host", ETHERNET_HEADER_LENGTH, length, 0);
  }

  /** True if PktLen of the LRH can express the length of the InfiniBand packet with `length` bytes of payload. */
  #fits(packet: Packet, length: number): boolean {
    if (packet.kind === RecordKind.Mad) return true;
    const headers = IB_HEADERS_LENGTH + ENCAP_LENGTH + ICRC_LENGTH;
    return headers + length + 3 <= MAX_PKT_LEN * 4;
  }

  /** Writes the GRH and the IPoIB header of a message. */
  #message(packet: Packet): (length: number) => Frame {
    const { memory: { view }, body } = packet;
    this.#end = 0;
    if (isGlobal(packet)) this.#header(packet, BodyField.Grh, GRH_LENGTH);
    else {
      this.#buffer.fill(0, 0, GRH_LENGTH);
      this.#end = GRH_LENGTH;
    }
    this.#header(packet, BodyField.Encap, ENCAP_LENGTH);
    const lrh = new Lrh(view, body + BodyField.Lrh);
    const bth = body + BodyField.Bth;
    const qpn = hex(view.getUint32(bth + 4) & 0xffffff, 6);
    const psn = view.getUint32(bth + 8) & 0xffffff;
    const comment =
      `${isConnected(packet) ? "RC" : "UD"} message from LID ${
        hex(lrh.slid, 4)
      } to LID ${hex(lrh.dlid, 4)}` +
      `, QPN ${qpn}, P_Key ${hex(view.getUint16(bth + 2), 4)}, PSN ${psn}`;
    const start = this.#end;
    return (length) => ({
      ...this.#frame("message", start, length, 0),
      comment,
    });
  }

  /** Writes the headers of an InfiniBand packet. */
  #infiniband(packet: Packet): (length: number) => Frame {
    this.#end = ERF_HEADER_LENGTH;
    const encap = packet.kind === RecordKind.Packet;
    this.#header(packet, BodyField.Lrh, LRH_LENGTH);
    if (isGlobal(packet)) this.#header(packet, BodyField.Grh, GRH_LENGTH);
    const bth = this.#end;
    this.#header(packet, BodyField.Bth, BTH_LENGTH);
    if (!isConnected(packet)) this.#header(packet, BodyField.Deth, DETH_LENGTH);
    const message = this.#end;
    if (encap) this.#header(packet, BodyField.Encap, ENCAP_LENGTH);
    const start = this.#end;
    return (length) => {
      this.#finish(packet, bth, message);
      return this.#frame("packet", start, length, ERF_HEADER_LENGTH);
    };
  }

  /** Writes the pad, the lengths, the CRCs and the ERF header of an InfiniBand packet. */
  #finish(packet: Packet, bth: number, message: number): void {
    const view = this.#view;
    const lrh = ERF_HEADER_LENGTH;
    const pad = -(this.#end - message) & 3;
    this.#buffer.fill(0, this.#end, this.#end + pad);
    const crcs = this.#end + pad;
    new Lrh(view, lrh).packetLength = crcs + ICRC_LENGTH - lrh >> 2;
    if (isGlobal(packet)) {
      new Grh(view, lrh + LRH_LENGTH).payloadLength = crcs + ICRC_LENGTH - bth;
    }
    const flags = view.getUint8(bth + 1) & ~PAD_COUNT;
    view.setUint8(bth + 1, flags | pad << 4);
    writeCrcs(this.#buffer, view, lrh, crcs);
    this.#end = crcs + ICRC_LENGTH + VCRC_LENGTH;
    const length = this.#end - lrh;
    const captured = Math.min(length, this.#snapLength);
    const { seconds, nanoseconds } = packet;
    writeErfHeader(view, 0, seconds, nanoseconds, captured, length);
  }

  /**
   * Returns the frame in the buffer.
   *
   * @param packet offset of the packet
   * @param prefix bytes of the buffer before the frame
   */
  #frame(
    kind: FrameKind,
    packet: number,
    packetLength: number,
    prefix: number,
  ): Frame {
    const end = Math.min(this.#end, prefix + this.#snapLength);
    return {
      kind,
      bytes: this.#buffer.subarray(0, end),
      length: this.#end,
      view: this.#view,
      packet,
      packetLength,
    };
  }
}

function isGlobal({ memory: { view }, body }: Packet): boolean {
  const next = view.getUint8(body + BodyField.Lrh + 1) & 3;
  return next === LinkNextHeader.IbaGlobal;
}

function isConnected({ memory: { view }, body }: Packet): boolean {
  return view.getUint8(body + BodyField.Bth) === RC_SEND_ONLY;
}
