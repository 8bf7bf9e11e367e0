/**
 * Neighbour discovery packets for fuzzing: composed from an input so that most of them pass the first checks of a
 * receiver, and a translation that is independent of the program's, to compare with.
 */

import { icmpv6Checksum } from "../../../src/wire/checksum.ts";
import type { LinkAddress } from "../../../src/wire/link_address.ts";
import { linkAddressBytes } from "../../../src/wire/link_address.ts";
import { viewOf } from "../../wire/support.ts";

const IPV6_LENGTH = 40;
const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const ICMPV6 = 58;
const DESTINATION_OPTIONS = 60;
/** Bytes before the options of types 133 to 137. */
const FIXED = [8, 16, 24, 24, 40] as const;
const FIRST_TYPE = 133;
const LAST_TYPE = 137;
const LINK_OPTION_LENGTH = 24;

/** What {@linkcode composeNd} makes of a body. */
export interface NdFields {
  readonly type: number;
  readonly code: number;
  readonly hopLimit: number;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  /** Target of types 135 to 137; undefined to take it from the body. */
  readonly target: Uint8Array | undefined;
  /** Address in link-layer address options of 24 bytes; undefined to take it from the body. */
  readonly linkAddress: LinkAddress | undefined;
  /** Next header values of the extension headers before the message. */
  readonly extensions: readonly number[];
  /** False to keep lengths of options that are 0 or exceed the packet. */
  readonly repairOptions: boolean;
  /** Value added to the correct payload length. */
  readonly lengthError: number;
  /** Value added to the correct checksum. */
  readonly checksumError: number;
}

/** Extension headers to choose from: three that may precede a message, and two that may not. */
export const EXTENSIONS = [
  HOP_BY_HOP,
  DESTINATION_OPTIONS,
  DESTINATION_OPTIONS,
  ROUTING,
  FRAGMENT,
] as const;

/** Returns a packet with the bytes after the checksum of its message taken from `body`. */
export function composeNd(fields: NdFields, body: Uint8Array): Uint8Array {
  const { type, extensions } = fields;
  const fixed = FIXED[type - FIRST_TYPE] ?? 8;
  const message = new Uint8Array(Math.max(fixed, 4 + body.length));
  message.set(body, 4);
  message[0] = type;
  message[1] = fields.code;
  if (fields.target && fixed >= 24) message.set(fields.target, 8);
  const whole = fields.repairOptions ? repaired(message, fixed) : message;
  setLinkAddress(whole, fixed, fields.linkAddress);
  const headers = extensions.map((_, i) => extension(i, body));
  const before = headers.reduce((sum, { length }) => sum + length, IPV6_LENGTH);
  const packet = new Uint8Array(before + whole.length);
  packet[0] = 0x60;
  packet[7] = fields.hopLimit;
  packet.set(fields.source, 8);
  packet.set(fields.destination, 24);
  let next = 6;
  let at = IPV6_LENGTH;
  for (const [i, header] of headers.entries()) {
    packet[next] = extensions[i]!;
    packet.set(header, at);
    next = at;
    at += header.length;
  }
  packet[next] = ICMPV6;
  packet.set(whole, at);
  const view = viewOf(packet);
  view.setUint16(4, packet.length - IPV6_LENGTH + fields.lengthError);
  view.setUint16(at + 2, 0);
  const checksum = icmpv6Checksum(view, 0, at, whole.length);
  view.setUint16(at + 2, checksum + fields.checksumError);
  return packet;
}

/** Returns an extension header of 8 to 24 bytes with a PadN option (RFC 8200 section 4.2). */
function extension(i: number, body: Uint8Array): Uint8Array {
  const units = (body[i] ?? 0) % 3;
  const header = new Uint8Array(8 + 8 * units);
  header[1] = units;
  header[2] = 1;
  header[3] = header.length - 4;
  return header;
}

/** Returns a message without options of length 0, filled with zeros to the end of its last option. */
function repaired(message: Uint8Array, fixed: number): Uint8Array {
  const bytes = message.slice();
  let at = fixed;
  while (at < bytes.length) {
    const units = Math.max(1, bytes[at + 1] ?? 0);
    if (at + 1 < bytes.length) bytes[at + 1] = units;
    const end = at + 8 * units;
    if (end <= bytes.length) at = end;
    else {
      const whole = new Uint8Array(
        fixed + 8 * Math.ceil((bytes.length - fixed) / 8),
      );
      whole.set(bytes);
      whole[at + 1] = (whole.length - at) / 8;
      return whole;
    }
  }
  return bytes;
}

function setLinkAddress(
  message: Uint8Array,
  fixed: number,
  address: LinkAddress | undefined,
): void {
  if (!address) return;
  for (const { at, bytes } of optionsOf(message, fixed) ?? []) {
    if (isLinkOption(bytes) && bytes.length === LINK_OPTION_LENGTH) {
      message.set(linkAddressBytes(address), at + 4);
    }
  }
}

interface Option {
  readonly at: number;
  readonly bytes: Uint8Array;
}

function isLinkOption(option: Uint8Array): boolean {
  return option[0] === 1 || option[0] === 2;
}

/** Returns the options from `fixed` on; undefined if one has length 0 or exceeds the message. */
function optionsOf(message: Uint8Array, fixed: number): Option[] | undefined {
  const options: Option[] = [];
  let at = fixed;
  while (at < message.length) {
    const length = 8 * (message[at + 1] ?? 0);
    if (length === 0 || at + length > message.length) return undefined;
    options.push({ at, bytes: message.slice(at, at + length) });
    at += length;
  }
  return options;
}

/** A neighbour discovery packet in parts. */
export interface NdParts {
  readonly type: number;
  /** IPv6 header and extension headers. */
  readonly headers: Uint8Array;
  /** The message up to its options. */
  readonly fixed: Uint8Array;
  /** Options except link-layer addresses. */
  readonly options: readonly Uint8Array[];
  readonly linkOptions: readonly Uint8Array[];
}

/** Returns the offset of the message if a receiver takes the packet for neighbour discovery, valid or not; else 0. */
export function ndOffset(packet: Uint8Array): number {
  let next = packet[6];
  let at = IPV6_LENGTH;
  for (let i = 0; next === HOP_BY_HOP || next === DESTINATION_OPTIONS; i++) {
    if (i === 8 || at + 8 > packet.length) return 0;
    next = packet[at];
    at += 8 + 8 * packet[at + 1]!;
  }
  if (next !== ICMPV6 || at + 4 > packet.length) return 0;
  const type = packet[at]!;
  return type >= FIRST_TYPE && type <= LAST_TYPE ? at : 0;
}

/** Splits a valid packet (RFC 4861 sections 6.1, 7.1 and 8.1) without v4-mapped addresses; else returns undefined. */
export function splitNd(bytes: Uint8Array): NdParts | undefined {
  if (bytes.length < IPV6_LENGTH || bytes[0]! >> 4 !== 6) return undefined;
  const length = IPV6_LENGTH + viewOf(bytes).getUint16(4);
  if (length > bytes.length) return undefined;
  const packet = bytes.subarray(0, length);
  const offset = ndOffset(packet);
  if (offset === 0 || packet[7] !== 255) return undefined;
  const message = packet.slice(offset);
  const type = message[0]!;
  const fixed = FIXED[type - FIRST_TYPE]!;
  const checksum = icmpv6Checksum(viewOf(packet), 0, offset, message.length);
  const addresses = [packet.slice(8, 24), packet.slice(24, 40)];
  if (fixed >= 24) addresses.push(message.slice(8, 24));
  const options = optionsOf(message, fixed);
  if (
    message.length < fixed || message[1] !== 0 || checksum !== 0 || !options ||
    addresses.some(isMapped)
  ) return undefined;
  const all = options.map((option) => option.bytes);
  return {
    type,
    headers: packet.slice(0, offset),
    fixed: message.slice(0, fixed),
    options: all.filter((option) => !isLinkOption(option)),
    linkOptions: all.filter(isLinkOption),
  };
}

function isMapped(address: Uint8Array): boolean {
  return address.subarray(0, 10).every((byte) => byte === 0) &&
    address[10] === 0xff && address[11] === 0xff;
}

/** Returns a packet of these parts, with `linkOption` before the other options. */
export function joinNd(
  { headers, fixed, options }: NdParts,
  linkOption?: Uint8Array,
): Uint8Array {
  const pieces = [
    headers,
    fixed,
    ...(linkOption ? [linkOption] : []),
    ...options,
  ];
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const packet = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    packet.set(piece, at);
    at += piece.length;
  }
  const view = viewOf(packet);
  const message = headers.length;
  view.setUint16(4, length - IPV6_LENGTH);
  view.setUint16(message + 2, 0);
  view.setUint16(
    message + 2,
    icmpv6Checksum(view, 0, message, length - message),
  );
  return packet;
}
