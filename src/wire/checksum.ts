/**
 * Internet checksum (RFC 1071), and its use in ICMPv6 (RFC 4443) and in UDP over IPv4 (RFC 768), of packets anywhere.
 * The words of packets in the memory of an HCA are summed faster by summed_memory.ts.
 */

import { IpProtocol, Ipv4Field } from "./ipv4.ts";
import { Ipv6Field, NextHeader } from "./ipv6_header.ts";

/**
 * Returns the checksum of `length` bytes (at most 65,536) at `offset`, or 0 if they include a correct checksum field.
 * An odd last byte is the high half of a word.
 *
 * @param initial sum of words outside these bytes, such as a pseudo-header: below 2^31
 */
export function internetChecksum(
  view: DataView,
  offset: number,
  length: number,
  initial = 0,
): number {
  return ~fold(initial + sum(view, offset, length)) & 0xffff;
}

/**
 * Returns the checksum of the ICMPv6 message of `length` bytes at `message` in the packet at `ip`, with the
 * pseudo-header (RFC 8200 section 8.1, RFC 4443 section 2.3). The result is 0 if the message contains its correct
 * checksum.
 */
export function icmpv6Checksum(
  view: DataView,
  ip: number,
  message: number,
  length: number,
): number {
  const pseudoHeader = ipv6PseudoHeader(view, ip, NextHeader.Icmpv6, length);
  return internetChecksum(view, message, length, pseudoHeader);
}

/**
 * Returns the checksum of the UDP packet of `length` bytes at `udp` in the IPv4 packet at `ip`, with the pseudo-header
 * (RFC 768). The result is 0 if the packet contains its correct checksum.
 */
export function udpChecksum(
  view: DataView,
  ip: number,
  udp: number,
  length: number,
): number {
  const pseudoHeader = ipv4PseudoHeader(view, ip, IpProtocol.Udp, length);
  return internetChecksum(view, udp, length, pseudoHeader);
}

/**
 * Returns the sum of the words of the pseudo-header (RFC 768, RFC 9293 section 3.1), folded into 16 bits, for a transport
 * header and payload of `length` bytes in the IPv4 packet at `ip`.
 */
export function ipv4PseudoHeader(
  view: DataView,
  ip: number,
  protocol: number,
  length: number,
): number {
  return fold(sum(view, ip + Ipv4Field.Source, 8) + protocol + length);
}

/** As {@linkcode ipv4PseudoHeader}, in the IPv6 packet at `ip` (RFC 8200 section 8.1). */
export function ipv6PseudoHeader(
  view: DataView,
  ip: number,
  protocol: number,
  length: number,
): number {
  return fold(sum(view, ip + Ipv6Field.Source, 32) + protocol + length);
}

/** Returns the sum of the big-endian 16-bit words. */
function sum(view: DataView, offset: number, length: number): number {
  const end = offset + length;
  let total = 0;
  let at = offset;
  for (; at + 2 <= end; at += 2) total += view.getUint16(at);
  return at < end ? total + (view.getUint8(at) << 8) : total;
}

/** Folds a sum below 2^32 into 16 bits with end-around carry. */
export function fold(total: number): number {
  const once = (total >>> 16) + (total & 0xffff);
  return (once >>> 16) + (once & 0xffff);
}
