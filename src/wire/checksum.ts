/** Internet checksum of ICMPv6 messages (RFC 1071, RFC 4443). */

import { Ipv6Field, NextHeader } from "./ipv6_header.ts";

/**
 * Returns the sum of the big-endian 16-bit words in `length` bytes (at most 65,536) at `offset`. An odd last byte is
 * the high half of a word.
 */
function sum(view: DataView, offset: number, length: number): number {
  const end = offset + length;
  let total = 0;
  let at = offset;
  for (; at + 2 <= end; at += 2) total += view.getUint16(at);
  return at < end ? total + (view.getUint8(at) << 8) : total;
}

/** Folds a sum below 2^32 into 16 bits with end-around carry. */
function fold(total: number): number {
  const once = (total >>> 16) + (total & 0xffff);
  return (once >>> 16) + (once & 0xffff);
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
  const pseudo = sum(view, ip + Ipv6Field.Source, 32) + length +
    NextHeader.Icmpv6;
  return ~fold(pseudo + sum(view, message, length)) & 0xffff;
}
