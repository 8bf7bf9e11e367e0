/**
 * Writes the packets of one interface into the ring of a capture. Everything that can be done later is left to the
 * process that reads the ring: it cuts large sends, completes checksums, and filters.
 */

import type { PortAttributes } from "../../hca/port_attributes.ts";
import { PostResult } from "../../hca/post_result.ts";
import type { ObservedMad, ObservedPacket } from "../../hca/observed.ts";
import {
  UD_HEADERS_LENGTH,
  writePacketHeaders,
  writePathHeaders,
} from "../../hca/ud_headers.ts";
import {
  BodyField,
  RECORD_HEADER_LENGTH,
  RecordFlag,
  RecordKind,
  RecordWord,
} from "../../capture/record.ts";
import type { RingWriter } from "../../capture/ring.ts";
import type { DroppedPacket } from "../../ipoib/drop_observers.ts";
import { postDrops } from "../../ipoib/packet_sender.ts";
import { DROP_REASONS, type DropReason } from "../../ipoib/statistics.ts";
import { WallClock } from "../../system/clock.ts";
import {
  ETHERNET_HEADER_LENGTH,
  EthernetField,
  FRAME_HEADER_LENGTH,
} from "../../wire/ethernet.ts";
import { GSI_QKEY, GSI_QPN } from "../../wire/mad.ts";
import { VNET_HEADER_LENGTH } from "../../wire/vnet.ts";

type Direction = "sent" | "received";

/** The recorder of one capture. */
export class Recorder {
  readonly #ring: RingWriter;
  readonly #view: DataView;
  readonly #clock = new WallClock();
  readonly #headers = new DataView(new ArrayBuffer(UD_HEADERS_LENGTH));

  constructor(ring: RingWriter) {
    this.#ring = ring;
    const { buffer, byteOffset, length } = ring.bytes;
    this.#view = new DataView(buffer, byteOffset, length);
  }

  /** Records a packet at the fabric edge. */
  packet(packet: ObservedPacket): void {
    const { direction, status, headers, lrh, view, payload, length } = packet;
    const { Packet } = RecordKind;
    const reason = status === PostResult.Sent ? undefined : postDrops[status];
    const body = this.#begin(Packet, direction, length, reason, packet.qpn);
    if (body < 0) return;
    this.#copy(headers, lrh, UD_HEADERS_LENGTH, body);
    this.#view.setInt32(body + BodyField.Encap, packet.encap);
    this.#copyVnet(view, packet.vnet, body);
    this.#copy(view, payload, length, body + BodyField.Packet);
    this.#ring.commit();
  }

  /** Records a MAD of the port with the headers that it has on a wire. */
  mad({ direction, mad, address }: ObservedMad, port: PortAttributes): void {
    const { Mad } = RecordKind;
    const body = this.#begin(Mad, direction, mad.length, undefined, GSI_QPN);
    if (body < 0) return;
    const sent = direction === "sent";
    const { lid, sl, pathBits = 0, grh, qpn, pkeyIndex } = address;
    const own = port.lid | pathBits;
    writePathHeaders(this.#headers, {
      dlid: sent ? lid : own,
      sl,
      staticRate: 0,
      ...(grh ? { grh: { ...grh, dgid: sent ? grh.gid : port.gid } } : {}),
    }, sent || !grh ? port.gid : grh.gid);
    writePacketHeaders(
      this.#headers,
      0,
      mad.length,
      sent ? own : lid,
      port.pkeys[pkeyIndex] ?? 0,
      sent ? qpn : GSI_QPN,
      0,
      GSI_QKEY,
      sent ? GSI_QPN : qpn,
    );
    this.#copy(this.#headers, 0, UD_HEADERS_LENGTH, body);
    this.#ring.bytes.set(mad, body + BodyField.Packet);
    this.#ring.commit();
  }

  /** Records a frame at the host edge, which starts with the virtio header. */
  frame(direction: Direction, frame: Uint8Array): void {
    const length = frame.length - FRAME_HEADER_LENGTH;
    if (length < 0) return;
    const body = this.#begin(RecordKind.Frame, direction, length);
    if (body < 0) return;
    this.#ring.bytes.set(frame, body + BodyField.Vnet);
    this.#ring.commit();
  }

  /** Records a dropped packet as a frame. */
  dropped(packet: DroppedPacket): void {
    const { direction, reason, etherType, view, payload, vnet } = packet;
    const length = Math.max(0, packet.length);
    const body = this.#begin(RecordKind.Frame, direction, length, reason);
    if (body < 0) return;
    this.#copyVnet(view, vnet, body);
    const ethernet = body + BodyField.Ethernet;
    const { bytes } = this.#ring;
    bytes.fill(0, ethernet, ethernet + ETHERNET_HEADER_LENGTH);
    this.#view.setUint16(ethernet + EthernetField.Type, etherType);
    this.#copy(view, payload, length, body + BodyField.Packet);
    this.#ring.commit();
  }

  /** Starts a record and returns the offset of its body, or -1 if it does not fit. */
  #begin(
    kind: RecordKind,
    direction: Direction,
    length: number,
    reason?: DropReason,
    qpn = 0,
  ): number {
    const ring = this.#ring;
    const at = ring.begin(RECORD_HEADER_LENGTH + BodyField.Packet + length);
    if (at < 0) return -1;
    this.#clock.read();
    const { words } = ring;
    const word = at >> 2;
    words[word + RecordWord.Kind] = kind;
    words[word + RecordWord.Flags] = direction === "sent" ? RecordFlag.Sent : 0;
    words[word + RecordWord.Seconds] = this.#clock.seconds;
    words[word + RecordWord.Nanoseconds] = this.#clock.nanoseconds;
    words[word + RecordWord.Reason] = reason === undefined
      ? -1
      : DROP_REASONS.indexOf(reason);
    words[word + RecordWord.PacketLength] = length;
    words[word + RecordWord.Qpn] = qpn;
    return at + RECORD_HEADER_LENGTH;
  }

  /** Copies a virtio header; writes zeros if there is none. */
  #copyVnet(view: DataView, vnet: number, body: number): void {
    const to = body + BodyField.Vnet;
    if (vnet >= 0) this.#copy(view, vnet, VNET_HEADER_LENGTH, to);
    else this.#ring.bytes.fill(0, to, to + VNET_HEADER_LENGTH);
  }

  #copy(from: DataView, at: number, length: number, to: number): void {
    const source = new Uint8Array(from.buffer, from.byteOffset + at, length);
    this.#ring.bytes.set(source, to);
  }
}
