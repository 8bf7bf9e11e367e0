/**
 * Neighbour discovery messages (RFC 4861 section 4): ICMPv6 types 133 to 137, and their link-layer address options.
 *
 * | type | message                 | offset of options | offset of target | link-layer address option   |
 * |------|-------------------------|-------------------|------------------|-----------------------------|
 * | 133  | router solicitation     | 8                 |                  | 1, the source's address     |
 * | 134  | router advertisement    | 16                |                  | 1, the source's address     |
 * | 135  | neighbour solicitation  | 24                | 8                | 1, the source's address     |
 * | 136  | neighbour advertisement | 24                | 8                | 2, the target's address     |
 * | 137  | redirect                | 40                | 8                | 2, the target's address     |
 *
 * On IPoIB the option has 24 bytes: type, length 3, two zeros, the 20-byte address (RFC 4391 section 9.3). Messages on
 * the kernel's device have no such option. The parser ignores an option of another length; the rewriter removes it too.
 */

import { bytesAt } from "./bytes.ts";
import { icmpv6Checksum } from "./checksum.ts";
import { IpAddress } from "./ip_address.ts";
import {
  icmpv6Offset,
  IPV6_HEADER_LENGTH,
  Ipv6Field,
  isIpv6Packet,
  NextHeader,
} from "./ipv6_header.ts";
import {
  emitLinkAddress,
  LINK_ADDRESS_LENGTH,
  type LinkAddress,
  parseLinkAddress,
} from "./link_address.ts";

/** ICMPv6 types. */
export const NdType = {
  RouterSolicitation: 133,
  RouterAdvertisement: 134,
  NeighbourSolicitation: 135,
  NeighbourAdvertisement: 136,
  Redirect: 137,
} as const;

/** Bits of the fifth byte of a neighbour advertisement. */
export const NaFlag = {
  Router: 0x80,
  Solicited: 0x40,
  Override: 0x20,
} as const;

/** Bytes of a link-layer address option on IPoIB. */
export const LINK_ADDRESS_OPTION_LENGTH = 24;
/** Hop limit of every message; a lower value shows that a router forwarded the message (RFC 4861 section 6.1). */
const ND_HOP_LIMIT = 255;

/** Bytes before the options, by type from 133. */
const FIXED_LENGTHS: readonly number[] = [8, 16, 24, 24, 40];
const FLAGS = 4;
const TARGET = 8;
const SOURCE_LINK_ADDRESS = 1;
const TARGET_LINK_ADDRESS = 2;
const OPTION_UNIT = 8;
const CHECKSUM = 2;

/** A valid message in a packet. */
export interface NdMessage {
  readonly type: number;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** Target of types 135 to 137, else the unspecified address. */
  readonly target: IpAddress;
  /** {@linkcode NaFlag} bits of a neighbour advertisement, else 0. */
  readonly flags: number;
  /** Link-layer address of the source or target; undefined if the message has no such option of 24 bytes. */
  readonly linkAddress: LinkAddress | undefined;
  /** Offset of the ICMPv6 message in the packet. */
  readonly offset: number;
  /** Bytes of the packet, IPv6 header included. */
  readonly length: number;
}

/** The address of a host that does not have one. */
export const UNSPECIFIED = new IpAddress(0, 0, 0, 0);

/** True if an ICMPv6 type is in {@linkcode NdType}. */
function isNdType(type: number): boolean {
  return type >= NdType.RouterSolicitation && type <= NdType.Redirect;
}

/** True if the packet of `length` bytes at `ip` is a neighbour discovery message, valid or not. */
export function isNd(view: DataView, ip: number, length: number): boolean {
  const offset = icmpv6Offset(view, ip, length);
  return offset !== 0 && isNdType(view.getUint8(ip + offset));
}

/**
 * Parses the packet of `length` bytes at `ip`. Returns undefined if it is not a neighbour discovery message, if its hop
 * limit, code, checksum or length is wrong, if an option has length 0 or exceeds the packet (RFC 4861 sections 6.1, 7.1
 * and 8.1), or if an address is v4-mapped.
 */
export function parseNd(
  view: DataView,
  ip: number,
  length: number,
): NdMessage | undefined {
  if (!isIpv6Packet(view, ip, length)) return undefined;
  const whole = IPV6_HEADER_LENGTH +
    view.getUint16(ip + Ipv6Field.PayloadLength);
  const offset = icmpv6Offset(view, ip, whole);
  if (offset === 0) return undefined;
  const message = ip + offset;
  const type = view.getUint8(message);
  const fixed = isNdType(type)
    ? FIXED_LENGTHS[type - NdType.RouterSolicitation]!
    : Infinity;
  if (
    whole - offset < fixed || view.getUint8(message + 1) !== 0 ||
    view.getUint8(ip + Ipv6Field.HopLimit) !== ND_HOP_LIMIT ||
    icmpv6Checksum(view, ip, message, whole - offset) !== 0
  ) return undefined;
  const wanted = linkAddressOption(type);
  let linkAddress: LinkAddress | undefined;
  const end = ip + whole;
  let at = message + fixed;
  while (at < end) {
    const bytes = optionLength(view, at, end);
    if (bytes === 0) return undefined;
    if (
      view.getUint8(at) === wanted && bytes === LINK_ADDRESS_OPTION_LENGTH &&
      linkAddress === undefined
    ) {
      linkAddress = parseLinkAddress(
        bytesAt(view, at + 4, LINK_ADDRESS_LENGTH),
      );
    }
    at += bytes;
  }
  const source = IpAddress.ipv6(view, ip + Ipv6Field.Source);
  const destination = IpAddress.ipv6(view, ip + Ipv6Field.Destination);
  const target = type >= NdType.NeighbourSolicitation
    ? IpAddress.ipv6(view, message + TARGET)
    : UNSPECIFIED;
  // IpAddress represents IPv4 addresses as v4-mapped, so such an address would be that of an IPv4 neighbour.
  if (source.isIpv4 || destination.isIpv4 || target.isIpv4) return undefined;
  return {
    type,
    source,
    destination,
    target,
    flags: type === NdType.NeighbourAdvertisement
      ? view.getUint8(message + FLAGS)
      : 0,
    linkAddress,
    offset,
    length: whole,
  };
}

/**
 * Copies the packet at `ip` to `into` and replaces its link-layer address options with one for `linkAddress`, or
 * removes them if `linkAddress` is undefined. Keeps the other options; computes payload length and checksum. Returns
 * the length of the new packet in bytes.
 *
 * @param into has at least `message.length` + 24 bytes from `at`
 */
export function rewriteNd(
  view: DataView,
  ip: number,
  message: NdMessage,
  linkAddress: LinkAddress | undefined,
  into: DataView,
  at: number,
): number {
  const from = bytesAt(view, ip, message.length);
  const to = new Uint8Array(into.buffer, into.byteOffset + at);
  const { type, offset } = message;
  const options = offset + FIXED_LENGTHS[type - NdType.RouterSolicitation]!;
  to.set(from.subarray(0, options));
  let length = options;
  if (linkAddress) {
    to.fill(0, length, length + 4);
    to[length] = linkAddressOption(type);
    to[length + 1] = LINK_ADDRESS_OPTION_LENGTH / OPTION_UNIT;
    emitLinkAddress(linkAddress, to, length + 4);
    length += LINK_ADDRESS_OPTION_LENGTH;
  }
  for (let option = options; option < message.length;) {
    const bytes = OPTION_UNIT * from[option + 1]!;
    const kind = from[option];
    if (kind !== SOURCE_LINK_ADDRESS && kind !== TARGET_LINK_ADDRESS) {
      to.set(from.subarray(option, option + bytes), length);
      length += bytes;
    }
    option += bytes;
  }
  into.setUint16(at + Ipv6Field.PayloadLength, length - IPV6_HEADER_LENGTH);
  const icmp = at + offset;
  into.setUint16(icmp + CHECKSUM, 0);
  into.setUint16(
    icmp + CHECKSUM,
    icmpv6Checksum(into, at, icmp, length - offset),
  );
  return length;
}

/** A neighbour solicitation or advertisement for {@linkcode emitNd}. */
export interface NewNdMessage {
  readonly type: number;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly target: IpAddress;
  readonly flags: number;
  /** Absent in a solicitation from the unspecified address (RFC 4861 section 4.3). */
  readonly linkAddress?: LinkAddress;
}

/**
 * Writes the IPv6 packet of a neighbour solicitation or advertisement at `at`, with the link-layer address option if
 * there is an address. Returns the packet's length: 88 bytes, or 64 without the option.
 */
export function emitNd(
  { type, source, destination, target, flags, linkAddress }: NewNdMessage,
  into: DataView,
  at: number,
): number {
  const icmp = at + IPV6_HEADER_LENGTH;
  const option = icmp + FIXED_LENGTHS[type - NdType.RouterSolicitation]!;
  const end = linkAddress ? option + LINK_ADDRESS_OPTION_LENGTH : option;
  const bytes = new Uint8Array(into.buffer, into.byteOffset, end);
  bytes.fill(0, at, end);
  into.setUint8(at, 0x60);
  into.setUint16(at + Ipv6Field.PayloadLength, end - icmp);
  into.setUint8(at + Ipv6Field.NextHeader, NextHeader.Icmpv6);
  into.setUint8(at + Ipv6Field.HopLimit, ND_HOP_LIMIT);
  bytes.set(source.bytes(), at + Ipv6Field.Source);
  bytes.set(destination.bytes(), at + Ipv6Field.Destination);
  into.setUint8(icmp, type);
  into.setUint8(icmp + FLAGS, flags);
  bytes.set(target.bytes(), icmp + TARGET);
  if (linkAddress) {
    into.setUint8(option, linkAddressOption(type));
    into.setUint8(option + 1, LINK_ADDRESS_OPTION_LENGTH / OPTION_UNIT);
    emitLinkAddress(linkAddress, bytes, option + 4);
  }
  into.setUint16(
    icmp + CHECKSUM,
    icmpv6Checksum(into, at, icmp, end - icmp),
  );
  return end - at;
}

/** Returns the type of a message's link-layer address option: source or target. */
function linkAddressOption(type: number): number {
  return type === NdType.NeighbourAdvertisement || type === NdType.Redirect
    ? TARGET_LINK_ADDRESS
    : SOURCE_LINK_ADDRESS;
}

/** Returns the length in bytes of the option at `at`, or 0 if the option exceeds `end`. */
function optionLength(view: DataView, at: number, end: number): number {
  if (at + 2 > end) return 0;
  const bytes = OPTION_UNIT * view.getUint8(at + 1);
  return at + bytes <= end ? bytes : 0;
}
