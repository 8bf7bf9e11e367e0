/**
 * Segmentation of a frame as the kernel does it when it forwards the frame to a device without offloads (Linux
 * inet_gso_segment, ipv6_gso_segment, tcp_gso_segment, __udp_gso_segment), and checksums of its packets. Shares no code
 * with the program.
 */

import { assert, assertEquals } from "@std/assert";
import { viewOf, wordSum } from "../../wire/support.ts";

const FRAME_HEADER = 26;
const ETHERNET = 14;
const NEEDS_CHECKSUM = 1;
const [TCPV4, TCPV6, UDP_L4, ECN] = [1, 4, 5, 0x80];
const [TCP, UDP] = [6, 17];
const [FIN, PSH, CWR] = [0x01, 0x08, 0x80];

/** Returns the length of the IP header. */
function networkLength(packet: Uint8Array): number {
  return packet[0]! >> 4 === 4 ? (packet[0]! & 15) * 4 : 40;
}

/** Returns the protocol number. */
function protocolOf(packet: Uint8Array): number {
  return packet[0]! >> 4 === 4 ? packet[9]! : packet[6]!;
}

/** Returns the folded sum of the pseudo-header for `length` bytes of the packet's protocol. */
function pseudoHeader(packet: Uint8Array, length: number): number {
  const addresses = packet[0]! >> 4 === 4
    ? packet.subarray(12, 20)
    : packet.subarray(8, 40);
  return wordSum(addresses, protocolOf(packet) + length);
}

/** Writes the checksums of a TCP or UDP packet and of its IPv4 header as the kernel does. */
export function writeChecksums(packet: Uint8Array): void {
  const at = networkLength(packet);
  const bytes = viewOf(packet);
  if (packet[0]! >> 4 === 4) {
    bytes.setUint16(10, 0);
    bytes.setUint16(10, ~wordSum(packet.subarray(0, at)) & 0xffff);
  }
  const protocol = protocolOf(packet);
  if (protocol !== TCP && protocol !== UDP) return;
  const field = at + (protocol === TCP ? 16 : 6);
  if (field + 2 > packet.length) return;
  bytes.setUint16(field, 0);
  const rest = packet.subarray(at);
  const checksum = ~wordSum(rest, pseudoHeader(packet, rest.length)) & 0xffff;
  bytes.setUint16(
    field,
    protocol === UDP && checksum === 0 ? 0xffff : checksum,
  );
}

/** True if the checksums of a TCP or UDP packet and of its IPv4 header are correct. */
export function hasValidChecksums(packet: Uint8Array): boolean {
  const at = networkLength(packet);
  const rest = packet.subarray(at);
  const header = packet[0]! >> 4 === 6 ||
    wordSum(packet.subarray(0, at)) === 0xffff;
  return header && wordSum(rest, pseudoHeader(packet, rest.length)) === 0xffff;
}

/** Fields of the virtio header of a frame. */
function vnetOf(frame: Uint8Array) {
  const bytes = viewOf(frame);
  return {
    flags: frame[0]!,
    type: frame[1]!,
    headerLength: bytes.getUint16(2, true),
    size: bytes.getUint16(4, true),
    start: bytes.getUint16(6, true),
    offset: bytes.getUint16(8, true),
  };
}

/** Checks that a frame is one that the kernel accepts as a large send. Returns the bytes of its headers. */
function checkLarge(frame: Uint8Array): number {
  const vnet = vnetOf(frame);
  const packet = frame.subarray(FRAME_HEADER);
  const bytes = viewOf(packet);
  const at = networkLength(packet);
  const protocol = protocolOf(packet);
  const v4 = packet[0]! >> 4 === 4;
  const header = protocol === TCP ? packet[at + 12]! >> 4 << 2 : 8;
  const type = protocol === UDP ? UDP_L4 : v4 ? TCPV4 : TCPV6;
  assertEquals(vnet.flags, NEEDS_CHECKSUM);
  assertEquals(vnet.type & ~ECN, type);
  const cwr = protocol === TCP && (packet[at + 13]! & CWR) !== 0;
  assertEquals((vnet.type & ECN) !== 0, cwr);
  assertEquals(vnet.headerLength, ETHERNET + at + header);
  assertEquals(vnet.start, ETHERNET + at);
  assertEquals(vnet.offset, protocol === TCP ? 16 : 6);
  assert(vnet.size > 0 && packet.length - at - header > vnet.size);
  assertEquals(
    v4 ? bytes.getUint16(2) : bytes.getUint16(4) + 40,
    packet.length,
  );
  if (v4) assertEquals(wordSum(packet.subarray(0, at)), 0xffff);
  if (protocol === UDP) {
    assertEquals(bytes.getUint16(at + 4), packet.length - at);
  }
  assertEquals(
    bytes.getUint16(at + vnet.offset),
    pseudoHeader(packet, packet.length - at),
    "the checksum field has the sum of the pseudo-header",
  );
  return at + header;
}

/** Returns the packets into which the kernel segments a frame, which starts with the virtio header. */
export function segmentsOf(frame: Uint8Array): Uint8Array[] {
  const { type, size, flags } = vnetOf(frame);
  const packet = frame.slice(FRAME_HEADER);
  if (type === 0) {
    assertEquals(flags & NEEDS_CHECKSUM, 0);
    return [packet];
  }
  const headers = checkLarge(frame);
  const at = networkLength(packet);
  const protocol = protocolOf(packet);
  const v4 = packet[0]! >> 4 === 4;
  const original = viewOf(packet);
  const count = Math.ceil((packet.length - headers) / size);
  return Array.from({ length: count }, (_, i) => {
    const from = headers + i * size;
    const payload = packet.subarray(from, Math.min(from + size, packet.length));
    const segment = new Uint8Array(headers + payload.length);
    segment.set(packet.subarray(0, headers));
    segment.set(payload, headers);
    const fields = viewOf(segment);
    if (v4) {
      fields.setUint16(2, segment.length);
      fields.setUint16(4, original.getUint16(4) + i);
    } else fields.setUint16(4, segment.length - 40);
    if (protocol === TCP) {
      fields.setUint32(at + 4, original.getUint32(at + 4) + i * size);
      if (i < count - 1) segment[at + 13]! &= ~(FIN | PSH);
      if (i > 0) segment[at + 13]! &= ~CWR;
    } else fields.setUint16(at + 4, segment.length - at);
    writeChecksums(segment);
    return segment;
  });
}

/** Returns the addresses of a packet as text. */
export function addressesOf(packet: Uint8Array): string {
  return packet[0]! >> 4 === 4
    ? packet.subarray(12, 20).join()
    : packet.subarray(8, 40).join();
}

/** Returns addresses, protocol and ports of a packet as text; undefined if the packet may be of any flow. */
export function flowOf(packet: Uint8Array): string | undefined {
  const bytes = viewOf(packet);
  const protocol = protocolOf(packet);
  const plain = packet[0]! >> 4 === 4
    ? packet[0] === 0x45 && bytes.getUint16(2) === packet.length &&
      (bytes.getUint16(6) & 0xbfff) === 0
    : bytes.getUint16(4) + 40 === packet.length &&
      [TCP, UDP, 58].includes(protocol);
  if (!plain) return undefined;
  const flow = `${addressesOf(packet)} ${protocol}`;
  const at = networkLength(packet);
  if (protocol === UDP) {
    return packet.length < at + 8
      ? undefined
      : `${flow} ${bytes.getUint32(at)}`;
  }
  if (protocol !== TCP) return flow;
  const header = packet.length < at + 20 ? 0 : packet[at + 12]! >> 4 << 2;
  return header < 20 || at + header > packet.length
    ? undefined
    : `${flow} ${bytes.getUint32(at)}`;
}
