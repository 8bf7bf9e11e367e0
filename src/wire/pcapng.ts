/**
 * Blocks of pcapng files (IETF draft-ietf-opsawg-pcapng).
 *
 * A file consists of a {@linkcode sectionHeader}, packets, and an {@linkcode interfaceDescription} per interface before
 * its first packet. Interfaces are numbered from 0 in the order of their blocks. The blocks are little-endian, and times
 * are in nanoseconds.
 */

/** Link types (tcpdump.org/linktypes.html). */
export const LinkType = {
  Ethernet: 1,
  /** Raw IPv4 or IPv6. */
  Raw: 101,
  /** Records of erf.ts. */
  Erf: 197,
  /** GRH (40 bytes), IPoIB header, packet. */
  Ipoib: 242,
} as const;
export type LinkType = typeof LinkType[keyof typeof LinkType];

/** Direction of a captured packet. */
export type Direction = "inbound" | "outbound";

const BlockType = {
  SectionHeader: 0x0a0d0d0a,
  InterfaceDescription: 1,
  InterfaceStatistics: 5,
  EnhancedPacket: 6,
  JournalEntry: 9,
} as const;

const Option = {
  Comment: 1,
  PacketFlags: 2,
  InterfaceName: 2,
  InterfaceDescription: 3,
  Application: 4,
  Received: 4,
  Dropped: 5,
  TimeResolution: 9,
  Filter: 11,
} as const;

const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
/** Section length if the length is not known in advance. */
const UNKNOWN_LENGTH = -1n;
const NANOSECONDS = 9;
const NANOSECONDS_PER_SECOND = 1_000_000_000;

const encoder = new TextEncoder();
type OptionField = readonly [code: number, value: Uint8Array];

/** Returns the first block of a file. */
export function sectionHeader(application: string): Uint8Array {
  const body = new Uint8Array(16);
  const view = new DataView(body.buffer);
  view.setUint32(0, BYTE_ORDER_MAGIC, true);
  view.setUint16(4, 1, true);
  view.setBigInt64(8, UNKNOWN_LENGTH, true);
  return block(BlockType.SectionHeader, body, [
    [Option.Application, encoder.encode(application)],
  ]);
}

/** An interface of a file. */
export interface CapturedInterface {
  readonly linkType: LinkType;
  readonly name: string;
  readonly description?: string;
  /** Maximum captured length in bytes, or 0 for no limit. */
  readonly snapLength: number;
  /** The filter as the user has written it. */
  readonly filter?: string;
}

/** Returns the block of an interface. */
export function interfaceDescription(
  { linkType, name, description, snapLength, filter }: CapturedInterface,
): Uint8Array {
  const body = new Uint8Array(8);
  const view = new DataView(body.buffer);
  view.setUint16(0, linkType, true);
  view.setUint32(4, snapLength, true);
  const options: OptionField[] = [
    [Option.InterfaceName, encoder.encode(name)],
  ];
  if (description !== undefined) {
    options.push([Option.InterfaceDescription, encoder.encode(description)]);
  }
  options.push([Option.TimeResolution, Uint8Array.of(NANOSECONDS)]);
  if (filter !== undefined) {
    // The first byte says that a libpcap expression follows.
    options.push([Option.Filter, encoder.encode(`\0${filter}`)]);
  }
  return block(BlockType.InterfaceDescription, body, options);
}

/** A captured packet. */
export interface CapturedPacket {
  /** Number of the interface in the file. */
  readonly interfaceId: number;
  /** Seconds since 1970, and nanoseconds below 10^9. */
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly bytes: Uint8Array;
  /** Length of the packet in bytes before it was truncated. */
  readonly length: number;
  readonly direction: Direction;
  readonly comment?: string | undefined;
}

/** Bytes of a packet's block without the packet and the options. */
const PACKET_BLOCK_LENGTH = 32;
/** Bytes of the option with the direction, and of the end of the options. */
const FLAGS_LENGTH = 8;
const END_OF_OPTIONS_LENGTH = 4;
const INBOUND = 1;
const OUTBOUND = 2;

/** Returns the length in bytes of the block of a packet. */
export function packetBlockLength({ bytes, comment }: CapturedPacket): number {
  const options = FLAGS_LENGTH + END_OF_OPTIONS_LENGTH;
  const length = PACKET_BLOCK_LENGTH + padded(bytes.length) + options;
  return comment === undefined
    ? length
    : length + 4 + padded(encoder.encode(comment).length);
}

/** Writes the block of a packet at `at`. Returns its end. Packets are frequent, so it is written in place. */
export function writePacketBlock(
  into: Uint8Array,
  view: DataView,
  at: number,
  packet: CapturedPacket,
): number {
  const { bytes, comment } = packet;
  const { length } = bytes;
  view.setUint32(at, BlockType.EnhancedPacket, true);
  view.setUint32(at + 8, packet.interfaceId, true);
  setTime(view, at + 12, packet.seconds, packet.nanoseconds);
  view.setUint32(at + 20, length, true);
  view.setUint32(at + 24, packet.length, true);
  into.set(bytes, at + 28);
  let end = zeroPad(into, at + 28 + length, length);
  if (comment !== undefined) {
    const text = encoder.encode(comment);
    setOption(view, end, Option.Comment, text.length);
    into.set(text, end + 4);
    end = zeroPad(into, end + 4 + text.length, text.length);
  }
  setOption(view, end, Option.PacketFlags, 4);
  const flags = packet.direction === "inbound" ? INBOUND : OUTBOUND;
  view.setUint32(end + 4, flags, true);
  view.setUint32(end + FLAGS_LENGTH, 0, true);
  end += FLAGS_LENGTH + END_OF_OPTIONS_LENGTH;
  view.setUint32(at + 4, end + 4 - at, true);
  view.setUint32(end, end + 4 - at, true);
  return end + 4;
}

function setOption(
  view: DataView,
  at: number,
  code: number,
  length: number,
): void {
  view.setUint16(at, code, true);
  view.setUint16(at + 2, length, true);
}

/** Writes zeros from `end` to the end of the pad of a field of `length` bytes, and returns that end. */
function zeroPad(into: Uint8Array, end: number, length: number): number {
  const next = end + padded(length) - length;
  for (let at = end; at < next; at++) into[at] = 0;
  return next;
}

/** The counters of an interface at the end of a capture. */
export interface InterfaceCounts {
  readonly interfaceId: number;
  readonly seconds: number;
  readonly nanoseconds: number;
  /** Packets that passed the interface. */
  readonly received: number;
  /** Packets that the capture has lost. */
  readonly dropped: number;
}

/** Returns the statistics block of an interface. */
export function interfaceStatistics(counts: InterfaceCounts): Uint8Array {
  const body = new Uint8Array(12);
  const view = new DataView(body.buffer);
  view.setUint32(0, counts.interfaceId, true);
  setTime(view, 4, counts.seconds, counts.nanoseconds);
  return block(BlockType.InterfaceStatistics, body, [
    [Option.Received, u64(counts.received)],
    [Option.Dropped, u64(counts.dropped)],
  ]);
}

/**
 * Returns the block of an entry of systemd's journal: lines `FIELD=value` (systemd.io/JOURNAL_EXPORT_FORMATS). Readers
 * show it among the packets, at the time of field `__REALTIME_TIMESTAMP` (microseconds since 1970).
 */
export function journalEntry(fields: Record<string, string>): Uint8Array {
  const lines = Object.entries(fields).map(([name, value]) =>
    // A value of several lines has another format.
    `${name}=${value.replaceAll("\n", " ")}\n`
  );
  const text = encoder.encode(lines.join(""));
  const body = new Uint8Array(padded(text.length));
  body.set(text);
  return block(BlockType.JournalEntry, body, []);
}

/** Writes a time: the high and the low half of the nanoseconds since 1970, which exceed the exact numbers. */
function setTime(
  view: DataView,
  at: number,
  seconds: number,
  nanoseconds: number,
): void {
  const low = (seconds & 0xffff) * NANOSECONDS_PER_SECOND + nanoseconds;
  const high = (seconds >>> 16) * NANOSECONDS_PER_SECOND +
    Math.floor(low / 0x10000);
  view.setUint32(at, Math.floor(high / 0x10000), true);
  view.setUint16(at + 6, high % 0x10000, true);
  view.setUint16(at + 4, low % 0x10000, true);
}

function u64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return bytes;
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
