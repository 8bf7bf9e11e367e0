/**
 * Cuts large sends (large_send.ts) into segments: the headers of each segment are written to other memory, its payload
 * stays where it is. The segments are those of the kernel's GSO (Linux tcp_gso_segment, __udp_gso_segment,
 * inet_gso_segment, ipv6_gso_segment):
 *
 *  - The ID of IPv4 increases by 1 with each segment, whatever DF is. The virtio header cannot say that it is fixed: the
 *    kernel cuts such large sends itself, unless the user allows the device to change IDs (tx-tcp-mangleid-segmentation).
 *  - The sequence number of TCP increases by the payload length. FIN and PSH are in the last segment only, CWR is in the
 *    first one only.
 *  - The checksum starts from the sum of the pseudo-header in the checksum field, so that an IPv6 routing header, whose
 *    final destination is part of the sum, needs no attention. The lengths that it includes are exchanged.
 *  - A UDP checksum of 0 is sent as 0xffff.
 */

import { fold } from "./checksum.ts";
import { Ipv4Field } from "./ipv4.ts";
import { IPV6_HEADER_LENGTH, Ipv6Field } from "./ipv6_header.ts";
import { LargeSend } from "./large_send.ts";
import type { SummedMemory } from "./summed_memory.ts";
import { TcpField, TcpFlag, UdpField } from "./transport_fields.ts";

const LAST_ONLY = TcpFlag.Fin | TcpFlag.Psh;

/** Cuts one large send at a time. */
export class Segmenter {
  /** Length in bytes of the headers of each segment. */
  headers = 0;
  /** Offset in the memory of the payload of the next segment. */
  payload = 0;
  /** Bytes of payload of the segments that are not written yet. */
  left = 0;
  readonly #memory: SummedMemory;
  readonly #large = new LargeSend();
  /** Number of segments that were written. */
  #written = 0;
  /** Sum of the IPv4 header without total length, ID and checksum. */
  #ipSum = 0;
  /** Sum of the pseudo-header and the transport header without the fields that differ between segments. */
  #transportSum = 0;
  /** IPv4's ID, and TCP's sequence number and word of flags, in the large send. */
  #id = 0;
  #sequence = 0;
  #flags = 0;

  /** @param memory of the large sends and of the headers of the segments */
  constructor(memory: SummedMemory) {
    this.#memory = memory;
  }

  /**
   * Starts with the packet of `length` bytes at `ip`, whose virtio header is at `vnet`. Returns false, without segments,
   * if it is not a valid large send.
   */
  begin(vnet: number, ip: number, length: number): boolean {
    const { view } = this.#memory;
    const large = this.#large;
    this.left = 0;
    if (!large.read(view, vnet, ip, length)) return false;
    const { transport, headers, payload, ipv4, tcp } = large;
    this.headers = headers;
    this.payload = ip + headers;
    this.left = payload;
    this.#written = 0;
    if (ipv4) this.#readIpv4(ip, transport);
    if (tcp) this.#readTcp(ip + transport, length - transport);
    else this.#readUdp(ip + transport);
    return true;
  }

  /**
   * Writes the headers of the next segment to offset `to`. Returns the length of its payload, which was at
   * {@linkcode payload} before the call. There must be some {@linkcode left}.
   */
  next(to: number): number {
    const { ip, ipv4, tcp, transport, headers, size } = this.#large;
    const { bytes, view, sum } = this.#memory;
    const length = Math.min(size, this.left);
    const first = this.#written === 0;
    const payloadSum = sum(this.payload, length);
    this.left -= length;
    this.payload += length;
    bytes.copyWithin(to, ip, ip + headers);
    if (ipv4) this.#writeIpv4(to, headers + length);
    else {
      const after = headers - IPV6_HEADER_LENGTH + length;
      view.setUint16(to + Ipv6Field.PayloadLength, after);
    }
    const at = to + transport;
    const message = headers - transport + length;
    if (tcp) this.#writeTcp(at, message, payloadSum, first);
    else this.#writeUdp(at, message, payloadSum);
    this.#written++;
    return length;
  }

  #readIpv4(ip: number, length: number): void {
    const { view, sum } = this.#memory;
    this.#id = view.getUint16(ip + Ipv4Field.Id);
    this.#ipSum = sum(ip, length) +
      without(view.getUint16(ip + Ipv4Field.TotalLength)) +
      without(this.#id) +
      without(view.getUint16(ip + Ipv4Field.Checksum));
  }

  #readTcp(tcp: number, message: number): void {
    const { view, sum } = this.#memory;
    this.#sequence = view.getInt32(tcp + TcpField.Sequence);
    this.#flags = view.getUint16(tcp + TcpField.OffsetAndFlags);
    const headers = this.headers - this.#large.transport;
    this.#transportSum = sum(tcp, headers) + without(message) +
      without(this.#sequence >>> 16) + without(this.#sequence & 0xffff) +
      without(this.#flags);
  }

  #readUdp(udp: number): void {
    const { view, sum } = this.#memory;
    const length = view.getUint16(udp + UdpField.PacketLength);
    // The length is in the header and in the pseudo-header.
    this.#transportSum = sum(udp, UdpField.Length) + 2 * without(length);
  }

  #writeIpv4(to: number, length: number): void {
    const { view } = this.#memory;
    const id = this.#id + this.#written & 0xffff;
    view.setUint16(to + Ipv4Field.TotalLength, length);
    view.setUint16(to + Ipv4Field.Id, id);
    view.setUint16(
      to + Ipv4Field.Checksum,
      ~fold(this.#ipSum + length + id),
    );
  }

  #writeTcp(
    at: number,
    message: number,
    payloadSum: number,
    first: boolean,
  ): void {
    const { view } = this.#memory;
    const sequence = this.#sequence;
    this.#sequence = sequence + this.#large.size | 0;
    let flags = this.#flags;
    if (this.left > 0) flags &= ~LAST_ONLY;
    if (!first) flags &= ~TcpFlag.Cwr;
    view.setInt32(at + TcpField.Sequence, sequence);
    view.setUint16(at + TcpField.OffsetAndFlags, flags);
    const total = this.#transportSum + message + (sequence >>> 16) +
      (sequence & 0xffff) + flags + payloadSum;
    view.setUint16(at + TcpField.Checksum, ~fold(total));
  }

  #writeUdp(at: number, message: number, payloadSum: number): void {
    const { view } = this.#memory;
    view.setUint16(at + UdpField.PacketLength, message);
    const total = this.#transportSum + 2 * message + payloadSum;
    view.setUint16(at + UdpField.Checksum, ~fold(total) & 0xffff || 0xffff);
  }
}

/** Returns the word that removes `word` when it is added to a sum. */
function without(word: number): number {
  return word ^ 0xffff;
}
