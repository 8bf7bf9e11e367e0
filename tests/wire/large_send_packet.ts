/** Large sends for tests, and the check of a packet by an implementation of its own. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { SummedMemory } from "../../src/wire/summed_memory.ts";
import { FRAME_HEADER_LENGTH } from "../../src/wire/ethernet.ts";
import { viewOf, wordSum } from "./support.ts";

const TCP = 6;
const UDP = 17;
const HOP_BY_HOP = 0;
const ROUTING = 43;
const DESTINATION_OPTIONS = 60;
const GSO_ECN = 0x80;

/** The fields of a large send. */
export interface Large {
  readonly ipv4: boolean;
  readonly tcp: boolean;
  /** Payload length of the segments. */
  readonly size: number;
  readonly payload: Uint8Array;
  /** Options of IPv4, or an extension header of IPv6 in words of 8 bytes. */
  readonly options: number;
  /** TCP options in words of 4 bytes. */
  readonly tcpOptions: number;
  readonly id: number;
  readonly dontFragment: boolean;
  readonly sequence: number;
  /** All nine flags of TCP. */
  readonly flags: number;
  readonly ttl: number;
}

export const CWR = 0x80;
export const PSH = 0x08;
export const FIN = 0x01;
const ACK = 0x10;

const USUAL: Large = {
  ...{ ipv4: true, tcp: true, size: 1000, payload: new Uint8Array(2500) },
  ...{ options: 0, tcpOptions: 3, id: 0xfffe, dontFragment: true },
  ...{ sequence: 0xfffffe00, flags: ACK | PSH, ttl: 64 },
};

/** Returns a large send with the usual fields and those in `fields`. Each byte of its payload is different from the next. */
export function large(fields: Partial<Large> = {}): Large {
  const all = { ...USUAL, ...fields };
  if (fields.payload) return all;
  return { ...all, payload: all.payload.map((_, i) => i * 7 + (i >> 8)) };
}

/** Any large send whose payload is at most `limit` bytes, with at most 40 segments. */
export function anyLarge(limit: number): fc.Arbitrary<Large> {
  return fc.record({
    ...{ ipv4: fc.boolean(), tcp: fc.boolean() },
    ...{ options: fc.nat(3), tcpOptions: fc.nat(10) },
    ...{ id: fc.nat(0xffff), dontFragment: fc.boolean() },
    ...{ sequence: fc.nat(0xffffffff), flags: fc.nat(0x1ff) },
    ttl: fc.integer({ min: 2, max: 255 }),
    payload: fc.uint8Array({ minLength: 1, maxLength: limit, size: "max" }),
    size: fc.integer({ min: 1, max: limit }),
  }).map((each) => ({
    ...each,
    size: Math.max(each.size, Math.ceil(each.payload.length / 40)),
  }));
}

/** Returns the frame of a large send: virtio header, Ethernet header, packet. */
export function frameOf(fields: Large): Uint8Array<ArrayBuffer> {
  const { ipv4, tcp, payload } = fields;
  const network = ipv4 ? ipv4Header(fields) : ipv6Header(fields);
  const transport = tcp ? tcpHeader(fields) : udpHeader(payload.length);
  const message = transport.length + payload.length;
  const packet = new Uint8Array([...network, ...transport, ...payload]);
  const view = viewOf(packet);
  const field = network.length + (tcp ? 16 : 6);
  view.setUint16(ipv4 ? 2 : 4, packet.length - (ipv4 ? 0 : 40));
  if (ipv4) {
    view.setUint16(10, complement(wordSum(packet.subarray(0, network.length))));
  }
  view.setUint16(field, pseudoSum(packet, network.length, message));
  const frame = new Uint8Array(FRAME_HEADER_LENGTH + packet.length);
  const head = viewOf(frame);
  frame[0] = 1;
  frame[1] = (!tcp ? 5 : ipv4 ? 1 : 4) |
    (tcp && fields.flags & CWR ? GSO_ECN : 0);
  head.setUint16(2, 14 + network.length + transport.length, true);
  head.setUint16(4, fields.size, true);
  head.setUint16(6, 14 + network.length, true);
  head.setUint16(8, tcp ? 16 : 6, true);
  head.setUint16(24, ipv4 ? 0x0800 : 0x86dd);
  frame.set(packet, FRAME_HEADER_LENGTH);
  return frame;
}

function ipv4Header(
  { options, id, dontFragment, ttl, tcp }: Large,
): Uint8Array {
  const header = new Uint8Array(20 + 4 * options);
  const view = viewOf(header);
  header.set([0x45 + options, 2], 0);
  view.setUint16(4, id);
  view.setUint16(6, dontFragment ? 0x4000 : 0);
  header.set([ttl, tcp ? TCP : UDP], 8);
  header.set([10, 1, 0, 2, 10, 2, 0, 2], 12);
  // No operation.
  header.fill(1, 20);
  return header;
}

function ipv6Header({ options, ttl, tcp }: Large): Uint8Array {
  const extension = options * 8;
  const protocol = tcp ? TCP : UDP;
  const header = new Uint8Array(40 + extension);
  header.set([0x60, 0x20, 0, 1], 0);
  header.set([extension > 0 ? DESTINATION_OPTIONS : protocol, ttl], 6);
  header.set([0xfd, 1], 8);
  header[23] = 2;
  header.set([0xfd, 2], 24);
  header[39] = 2;
  // One option, PadN.
  if (extension > 0) {
    header.set([protocol, options - 1, 1, extension - 4], 40);
  }
  return header;
}

function tcpHeader({ tcpOptions, sequence, flags }: Large): Uint8Array {
  const header = new Uint8Array(20 + 4 * tcpOptions);
  const view = viewOf(header);
  view.setUint16(0, 40_000);
  view.setUint16(2, 80);
  view.setUint32(4, sequence);
  view.setUint32(8, 0x01020304);
  view.setUint16(12, (5 + tcpOptions) << 12 | flags);
  view.setUint16(14, 500);
  view.setUint16(18, 7);
  for (let i = 20; i < header.length; i++) header[i] = 1;
  return header;
}

function udpHeader(payload: number): Uint8Array {
  const header = new Uint8Array(8);
  viewOf(header).setUint16(0, 40_000);
  viewOf(header).setUint16(2, 53);
  viewOf(header).setUint16(4, 8 + payload);
  return header;
}

const complement = (word: number) => 0xffff - word;

/** Returns the sum of the pseudo-header of a packet. */
function pseudoSum(
  packet: Uint8Array,
  transport: number,
  message: number,
): number {
  const ipv4 = packet[0]! >> 4 === 4;
  const addresses = ipv4 ? packet.subarray(12, 20) : packet.subarray(8, 40);
  const protocol = ipv4 ? packet[9]! : lastHeader(packet, transport);
  return wordSum(
    Uint8Array.of(...addresses, 0, protocol, message >> 8, message & 255),
  );
}

/** Sets the checksum field of a TCP or UDP packet, and the length of UDP, to what the kernel leaves there. */
export function setPseudoSum(packet: Uint8Array, headers: number): void {
  const view = viewOf(packet);
  let at = packet[0]! >> 4 === 4 ? 4 * (packet[0]! & 15) : 40;
  if (at === 40) {
    let next = packet[6]!;
    while (next !== TCP && next !== UDP) {
      next = packet[at]!;
      at += 8 + 8 * packet[at + 1]!;
    }
  }
  const tcp = headers - at > 8;
  const message = packet.length - at;
  if (!tcp) view.setUint16(at + 4, message);
  view.setUint16(at + (tcp ? 16 : 6), pseudoSum(packet, at, message));
}

/** Returns the protocol after the extension headers before `transport`. */
function lastHeader(packet: Uint8Array, transport: number): number {
  let next = packet[6]!;
  for (let at = 40; at < transport; at += 8 + 8 * packet[at + 1]!) {
    next = packet[at]!;
  }
  return next;
}

/** The fields of a checked packet. */
export interface Parsed {
  readonly id: number;
  readonly sequence: number;
  readonly flags: number;
  readonly payload: Uint8Array;
  /** All headers with the fields set to 0 that differ between segments. */
  readonly fixed: Uint8Array;
}

/** Parses a TCP or UDP packet, and asserts that its lengths and checksums are correct. */
export function parsed(packet: Uint8Array): Parsed {
  const view = viewOf(packet);
  const ipv4 = packet[0]! >> 4 === 4;
  let protocol = packet[ipv4 ? 9 : 6]!;
  let at = ipv4 ? 4 * (packet[0]! & 15) : 40;
  const extensions = [HOP_BY_HOP, ROUTING, DESTINATION_OPTIONS];
  while (!ipv4 && extensions.includes(protocol)) {
    protocol = packet[at]!;
    at += 8 + 8 * packet[at + 1]!;
  }
  assert(protocol === TCP || protocol === UDP);
  if (ipv4) {
    assertEquals(view.getUint16(2), packet.length, "total length");
    assertEquals(wordSum(packet.subarray(0, at)), 0xffff, "IPv4 checksum");
  } else assertEquals(view.getUint16(4), packet.length - 40, "payload length");
  const message = packet.subarray(at);
  const total = wordSum(message) + pseudoSum(packet, at, message.length);
  assertEquals(total % 0xffff, 0, "checksum");
  const tcp = protocol === TCP;
  const headers = at + (tcp ? view.getUint8(at + 12) >> 4 << 2 : 8);
  if (!tcp) {
    assertEquals(view.getUint16(at + 4), message.length, "UDP length");
    assert(view.getUint16(at + 6) !== 0, "UDP checksum is not 0");
  }
  return {
    id: ipv4 ? view.getUint16(4) : 0,
    sequence: tcp ? view.getUint32(at + 4) : 0,
    flags: tcp ? view.getUint16(at + 12) & 0x1ff : 0,
    payload: packet.slice(headers),
    fixed: fixedPart(packet.subarray(0, headers), at, tcp),
  };
}

/** Returns the headers with the fields set to 0 that differ between segments. */
function fixedPart(
  headers: Uint8Array,
  transport: number,
  tcp: boolean,
): Uint8Array {
  const fixed = headers.slice();
  const ip = headers[0]! >> 4 === 4 ? [2, 4, 10] : [4];
  const fields = tcp ? [4, 6, 12, 16] : [4, 6];
  for (const at of [...ip, ...fields.map((field) => transport + field)]) {
    fixed.fill(0, at, at + 2);
  }
  return fixed;
}

/** Asserts that the segments are those into which the kernel cuts the large send. */
export function checkSegments(
  fields: Large,
  segments: readonly Uint8Array[],
): void {
  const { ipv4, tcp, size, payload, flags, id, sequence, options } = fields;
  const count = Math.ceil(payload.length / size);
  assertEquals(segments.length, count);
  const all = segments.map(parsed);
  const packet = frameOf(fields).subarray(FRAME_HEADER_LENGTH);
  const transport = ipv4 ? 20 + 4 * options : 40 + 8 * options;
  const headers = packet.subarray(0, packet.length - payload.length);
  const fixed = fixedPart(headers, transport, tcp);
  let at = 0;
  for (const [i, each] of all.entries()) {
    const last = i === count - 1;
    const length = last ? payload.length - at : size;
    assertEquals(each.payload, payload.slice(at, at + length));
    assertEquals(each.fixed, fixed);
    if (ipv4) assertEquals(each.id, (id + i) & 0xffff);
    if (tcp) {
      assertEquals(each.sequence, (sequence + at) % 2 ** 32);
      const cleared = (last ? 0 : FIN | PSH) | (i === 0 ? 0 : CWR);
      assertEquals(each.flags, flags & ~cleared);
    }
    at += length;
  }
}

/** Copies a frame to offset `at` of a memory. Returns the offsets of its virtio header and of its packet. */
export function place(
  memory: SummedMemory,
  frame: Uint8Array,
  at: number,
): { vnet: number; ip: number; length: number } {
  memory.bytes.set(frame, at);
  return {
    vnet: at,
    ip: at + FRAME_HEADER_LENGTH,
    length: frame.length - FRAME_HEADER_LENGTH,
  };
}
