/**
 * IPv6: offsets of the fields of the fixed header, and extension headers (RFC 8200).
 *
 * | offset | size | field                                   |
 * |--------|------|-----------------------------------------|
 * | 0      | 4    | version (6), traffic class, flow label  |
 * | 4      | 2    | bytes after the fixed header            |
 * | 6      | 1    | next header                             |
 * | 7      | 1    | hop limit                               |
 * | 8      | 16   | source                                  |
 * | 24     | 16   | destination                             |
 */

/** Bytes of the fixed header. */
export const IPV6_HEADER_LENGTH = 40;

/** Offsets of the fields. */
export const Ipv6Field = {
  PayloadLength: 4,
  NextHeader: 6,
  HopLimit: 7,
  Source: 8,
  Destination: 24,
} as const;

/** Next header values. */
export const NextHeader = {
  HopByHop: 0,
  Routing: 43,
  Fragment: 44,
  Icmpv6: 58,
  DestinationOptions: 60,
} as const;

/** Maximum number of extension headers parsed in a packet. */
const MAX_EXTENSIONS = 8;

/** True if the `length` bytes at `ip` start with a complete IPv6 packet. Ignores trailing bytes. */
export function isIpv6Packet(
  view: DataView,
  ip: number,
  length: number,
): boolean {
  return length >= IPV6_HEADER_LENGTH && view.getUint8(ip) >> 4 === 6 &&
    IPV6_HEADER_LENGTH + view.getUint16(ip + Ipv6Field.PayloadLength) <= length;
}

/**
 * Returns the offset, relative to `ip`, of the ICMPv6 message in the packet of `length` bytes at `ip`, after hop-by-hop
 * and destination options. Returns 0 if the packet has no ICMPv6 message, has any other extension header (such as a
 * fragment header) or more than MAX_EXTENSIONS, or ends within the first 4 bytes of the message.
 */
export function icmpv6Offset(
  view: DataView,
  ip: number,
  length: number,
): number {
  const at = offsetOf(NextHeader.Icmpv6, view, ip, length, false);
  return at > 0 && at + 4 <= length ? at : 0;
}

/**
 * Returns the offset, relative to `ip`, of the header of an upper-layer protocol in the packet of `length` bytes at
 * `ip`, after hop-by-hop options, destination options and routing headers. Returns 0 if the packet has another extension
 * header or protocol, or more than MAX_EXTENSIONS, or ends within one.
 */
export function upperLayerOffset(
  protocol: number,
  view: DataView,
  ip: number,
  length: number,
): number {
  return offsetOf(protocol, view, ip, length, true);
}

function offsetOf(
  protocol: number,
  view: DataView,
  ip: number,
  length: number,
  routing: boolean,
): number {
  if (length < IPV6_HEADER_LENGTH) return 0;
  let next = view.getUint8(ip + Ipv6Field.NextHeader);
  let at = IPV6_HEADER_LENGTH;
  for (let i = 0; i < MAX_EXTENSIONS && next !== protocol; i++) {
    const known = next === NextHeader.HopByHop ||
      next === NextHeader.DestinationOptions ||
      (routing && next === NextHeader.Routing);
    if (!known || at + 8 > length) return 0;
    next = view.getUint8(ip + at);
    at += 8 + 8 * view.getUint8(ip + at + 1);
  }
  return next === protocol && at <= length ? at : 0;
}
