/**
 * Blocks of pcapng files (IETF draft-ietf-opsawg-pcapng).
 *
 * A file consists of a {@linkcode sectionHeader}, an {@linkcode interfaceDescription} per interface, which are numbered
 * from 0 in this order, and packets. The blocks are little-endian, and times are in nanoseconds.
 */

/** Link types (tcpdump.org/linktypes.html). */
export const LinkType = {
  /** Raw IPv4 or IPv6. */
  Raw: 101,
  /** Records of erf.ts. */
  Erf: 197,
} as const;

/** Direction of a captured packet. */
export type Direction = "inbound" | "outbound";

const BlockType = {
  SectionHeader: 0x0a0d0d0a,
  InterfaceDescription: 1,
  EnhancedPacket: 6,
} as const;

const Option = {
  Comment: 1,
  PacketFlags: 2,
  InterfaceName: 2,
  Application: 4,
  TimeResolution: 9,
} as const;

const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
/** Section length if the length is not known in advance. */
const UNKNOWN_LENGTH = -1n;
const NANOSECONDS = 9;

const encoder = new TextEncoder();
type OptionField = readonly [code: number, value: Uint8Array];

/** Returns the first block of a file. */
export function sectionHeader(application = "ipoib"): Uint8Array {
  const body = new Uint8Array(16);
  const view = new DataView(body.buffer);
  view.setUint32(0, BYTE_ORDER_MAGIC, true);
  view.setUint16(4, 1, true);
  view.setBigInt64(8, UNKNOWN_LENGTH, true);
  return block(BlockType.SectionHeader, body, [
    [Option.Application, encoder.encode(application)],
  ]);
}

/** Returns the block of an interface. `snapLength` is the maximum captured length in bytes, or 0 for no limit. */
export function interfaceDescription(
  linkType: number,
  name: string,
  snapLength = 0,
): Uint8Array {
  const body = new Uint8Array(8);
  const view = new DataView(body.buffer);
  view.setUint16(0, linkType, true);
  view.setUint32(4, snapLength, true);
  return block(BlockType.InterfaceDescription, body, [
    [Option.InterfaceName, encoder.encode(name)],
    [Option.TimeResolution, Uint8Array.of(NANOSECONDS)],
  ]);
}

/** A captured packet. */
export interface CapturedPacket {
  /** Number of the interface in the file. */
  interfaceId: number;
  /** Nanoseconds since 1970. */
  time: bigint;
  bytes: Uint8Array;
  /** Length of the packet in bytes before it was truncated. Default: the length of `bytes`. */
  originalLength?: number;
  direction?: Direction;
  comment?: string;
}

/** Returns the block of a packet. */
export function enhancedPacket(packet: CapturedPacket): Uint8Array {
  const { bytes } = packet;
  const body = new Uint8Array(20 + padded(bytes.length));
  const view = new DataView(body.buffer);
  view.setUint32(0, packet.interfaceId, true);
  view.setUint32(4, Number(packet.time >> 32n & 0xffffffffn), true);
  view.setUint32(8, Number(packet.time & 0xffffffffn), true);
  view.setUint32(12, bytes.length, true);
  view.setUint32(16, packet.originalLength ?? bytes.length, true);
  body.set(bytes, 20);
  const options: OptionField[] = [];
  if (packet.comment !== undefined) {
    options.push([Option.Comment, encoder.encode(packet.comment)]);
  }
  if (packet.direction !== undefined) {
    const flags = packet.direction === "inbound" ? 1 : 2;
    options.push([Option.PacketFlags, Uint8Array.of(flags, 0, 0, 0)]);
  }
  return block(BlockType.EnhancedPacket, body, options);
}

function padded(length: number): number {
  return length + 3 & ~3;
}

/** Builds a block of type, length, body (a multiple of 4 bytes), options and a second copy of the length. */
function block(
  type: number,
  body: Uint8Array,
  options: readonly OptionField[],
): Uint8Array {
  let length = 12 + body.length;
  for (const [, value] of options) length += 4 + padded(value.length);
  if (options.length > 0) length += 4;
  const out = new Uint8Array(length);
  const view = new DataView(out.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, length, true);
  out.set(body, 8);
  let at = 8 + body.length;
  for (const [code, value] of options) {
    view.setUint16(at, code, true);
    view.setUint16(at + 2, value.length, true);
    out.set(value, at + 4);
    at += 4 + padded(value.length);
  }
  // The option list ends with four zero bytes, which the new array contains already.
  view.setUint32(length - 4, length, true);
  return out;
}
