/**
 * IPv6: where the fields of the fixed header are, and the extension headers before ICMPv6 (RFC 8200).
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
  Fragment: 44,
  Icmpv6: 58,
  DestinationOptions: 60,
} as const;

/** Extension headers of one packet that are looked at. */
const MAX_EXTENSIONS = 8;

/** True if `length` bytes at `ip` hold a whole IPv6 packet; bytes after it may follow. */
export function isIpv6Packet(
  view: DataView,
  ip: number,
  length: number,
): boolean {
  return length >= IPV6_HEADER_LENGTH && view.getUint8(ip) >> 4 === 6 &&
    IPV6_HEADER_LENGTH + view.getUint16(ip + Ipv6Field.PayloadLength) <= length;
}

/**
 * The offset of the ICMPv6 message in the packet of `length` bytes at `ip`, behind hop-by-hop and destination options;
 * 0 if the packet is not an ICMPv6 message, is a fragment, or ends before the message's first 4 bytes.
 */
export function icmpv6Offset(
  view: DataView,
  ip: number,
  length: number,
): number {
  if (length < IPV6_HEADER_LENGTH) return 0;
  let next = view.getUint8(ip + Ipv6Field.NextHeader);
  let at = IPV6_HEADER_LENGTH;
  for (let i = 0; i < MAX_EXTENSIONS && next !== NextHeader.Icmpv6; i++) {
    if (
      (next !== NextHeader.HopByHop &&
        next !== NextHeader.DestinationOptions) ||
      at + 8 > length
    ) return 0;
    next = view.getUint8(ip + at);
    at += 8 + 8 * view.getUint8(ip + at + 1);
  }
  return next === NextHeader.Icmpv6 && at + 4 <= length ? at : 0;
}
