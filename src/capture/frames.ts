/**
 * The packets of a record as the frames of a capture file: an InfiniBand packet behind an ERF header, or an Ethernet
 * frame.
 *
 * A message of a connection is one packet with the opcode RC SEND Only, also if a wire would carry it as several: the
 * queue pairs send and receive messages, and analyzers decode no IP packet that is distributed over several packets. The
 * length fields of the LRH and the GRH are then 0 if they cannot hold the length.
 */

import { ENCAP_LENGTH } from "../base/units.ts";
import { VCRC_LENGTH, writeCrcs } from "../wire/crc.ts";
import {
  ERF_HEADER_LENGTH,
  MAX_ERF_PACKET,
  writeErfHeader,
} from "../wire/erf.ts";
import { ETHERNET_HEADER_LENGTH } from "../wire/ethernet.ts";
import { GRH_LENGTH } from "../wire/grh.ts";
import { MAX_IP_PACKET } from "../wire/ipv4.ts";
import { LinkNextHeader, LRH_LENGTH } from "../wire/lrh.ts";
import {
  BTH_LENGTH,
  DETH_LENGTH,
  ICRC_LENGTH,
  UD_SEND_ONLY,
} from "../wire/transport_headers.ts";
import type { Packet } from "./packet.ts";
import { BodyField, IB_HEADERS_LENGTH, RecordKind } from "./record.ts";

const MAX_FRAME = ERF_HEADER_LENGTH + IB_HEADERS_LENGTH + ENCAP_LENGTH +
  MAX_IP_PACKET + 3 + ICRC_LENGTH + VCRC_LENGTH;
/** Maximum of PktLen, in words of 4 bytes (11 bits), and of PayLen, in bytes. */
const MAX_PKT_LEN = 0x7ff;
const MAX_PAY_LEN = 0xffff;
const PAD_COUNT = 0x30;

/** A frame. Reused for each frame. */
export interface Frame {
  readonly edge: "fabric" | "host";
  /** The captured bytes, and the length of the frame before it was truncated. */
  readonly bytes: Uint8Array;
  readonly length: number;
  /** Offset in `view` of the IP packet, the ARP packet or the MAD, and its length. */
  readonly view: DataView;
  readonly packet: number;
  readonly packetLength: number;
}

/** Composes frames. */
export class FrameComposer {
  readonly #buffer = new Uint8Array(MAX_FRAME);
  readonly #view = new DataView(this.#buffer.buffer);
  readonly #snapLength: number;
  #use: (frame: Frame) => void = () => {};

  /** @param snapLength maximum number of bytes of an InfiniBand packet or Ethernet frame to capture */
  constructor(snapLength: number) {
    this.#snapLength = snapLength;
  }

  /** Calls `use` with each frame of the record. */
  forEach(packet: Packet, use: (frame: Frame) => void): void {
    this.#use = use;
    const host = packet.kind === RecordKind.Frame;
    packet.forEach((headers, headersLength, payload, payloadLength) => {
      const start = host ? this.#ethernet(packet) : this.#infiniband(packet);
      const { bytes } = packet.memory;
      const parts: readonly [number, number][] = [
        [headers, headersLength],
        [payload, payloadLength],
      ];
      let end = start;
      for (const [at, length] of parts) {
        this.#buffer.set(bytes.subarray(at, at + length), end);
        end += length;
      }
      if (host) this.#emit("host", start, end, 0, end);
      else this.#finish(packet, start, end);
    });
  }

  /** Writes the Ethernet header and returns its end. */
  #ethernet({ memory, body }: Packet): number {
    const from = body + BodyField.Ethernet;
    const header = memory.bytes.subarray(from, from + ETHERNET_HEADER_LENGTH);
    this.#buffer.set(header);
    return ETHERNET_HEADER_LENGTH;
  }

  /** Writes the headers of an InfiniBand packet and returns their end. */
  #infiniband({ memory: { bytes, view }, body, kind }: Packet): number {
    const ud = view.getUint8(body + BodyField.Bth) === UD_SEND_ONLY;
    const lnh = view.getUint8(body + BodyField.Lrh + 1) & 3;
    const parts: readonly [boolean, number, number][] = [
      [true, BodyField.Lrh, LRH_LENGTH],
      [lnh === LinkNextHeader.IbaGlobal, BodyField.Grh, GRH_LENGTH],
      [true, BodyField.Bth, BTH_LENGTH],
      [ud, BodyField.Deth, DETH_LENGTH],
      [kind === RecordKind.Packet, BodyField.Encap, ENCAP_LENGTH],
    ];
    let end = ERF_HEADER_LENGTH;
    for (const [present, at, length] of parts) {
      if (!present) continue;
      const from = body + at;
      this.#buffer.set(bytes.subarray(from, from + length), end);
      end += length;
    }
    return end;
  }

  /** Writes the lengths, the pad, the CRCs and the ERF header of an InfiniBand packet whose payload ends at `end`. */
  #finish(packet: Packet, payload: number, end: number): void {
    const view = this.#view;
    const lrh = ERF_HEADER_LENGTH;
    const grh = lrh + LRH_LENGTH;
    const global = (view.getUint8(lrh + 1) & 3) === LinkNextHeader.IbaGlobal;
    const bth = global ? grh + GRH_LENGTH : grh;
    const encap = packet.kind === RecordKind.Packet ? ENCAP_LENGTH : 0;
    const pad = -(end - payload + encap) & 3;
    this.#buffer.fill(0, end, end + pad);
    const crcs = end + pad;
    const words = crcs + ICRC_LENGTH - lrh >> 2;
    view.setUint16(lrh + 4, words > MAX_PKT_LEN ? 0 : words);
    if (global) {
      const bytes = crcs + ICRC_LENGTH - bth;
      view.setUint16(grh + 4, bytes > MAX_PAY_LEN ? 0 : bytes);
    }
    const flags = view.getUint8(bth + 1) & ~PAD_COUNT;
    view.setUint8(bth + 1, flags | pad << 4);
    writeCrcs(this.#buffer, view, lrh, crcs);
    const whole = crcs + ICRC_LENGTH + VCRC_LENGTH;
    const length = whole - lrh;
    const captured = Math.min(length, this.#snapLength, MAX_ERF_PACKET);
    const { seconds, nanoseconds } = packet;
    writeErfHeader(view, 0, seconds, nanoseconds, captured, length);
    this.#emit("fabric", payload, end, ERF_HEADER_LENGTH, whole);
  }

  /** @param prefix bytes before the packet or frame that are not part of it */
  #emit(
    edge: Frame["edge"],
    packet: number,
    packetEnd: number,
    prefix: number,
    length: number,
  ): void {
    const most = edge === "fabric" ? MAX_ERF_PACKET : length;
    const captured = Math.min(length - prefix, this.#snapLength, most);
    this.#use({
      edge,
      bytes: this.#buffer.subarray(0, prefix + captured),
      length,
      view: this.#view,
      packet,
      packetLength: packetEnd - packet,
    });
  }
}
