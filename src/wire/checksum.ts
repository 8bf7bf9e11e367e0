/**
 * The internet checksum (RFC 1071).
 *
 * A sum is one of big-endian 16-bit words with the carries gathered but not yet folded: a small integer (below 2^19),
 * so thousands of them can be added to each other before {@linkcode fold}. Data may begin at any address; an odd last byte counts as the high half of a word.
 */

/** Offsets of the checksum field in the transport header, as virtio's csum_offset gives them. */
export const TCP_CHECKSUM_OFFSET = 16;
export const UDP_CHECKSUM_OFFSET = 6;

/** Sum of `length` bytes (at most 65 536) from `offset`. */
export function sum(view: DataView, offset: number, length: number): number {
  // Sixteen bytes a turn; 64 KiB leave either accumulator below 2^31, so all of it is integer arithmetic.
  let high = 0;
  let low = 0;
  const end = offset + length;
  let at = offset;
  for (; at + 16 <= end; at += 16) {
    const a = view.getInt32(at);
    const b = view.getInt32(at + 4);
    const c = view.getInt32(at + 8);
    const d = view.getInt32(at + 12);
    high = (high + (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16)) | 0;
    low = (low + (a & 0xffff) + (b & 0xffff) + (c & 0xffff) + (d & 0xffff)) |
      0;
  }
  for (; at + 2 <= end; at += 2) low = (low + view.getUint16(at)) | 0;
  if (at < end) low = (low + (view.getUint8(at) << 8)) | 0;
  return (high >>> 16) + (high & 0xffff) + (low >>> 16) + (low & 0xffff);
}

/** Folds a sum (below 2^32) into 16 bits, with end-around carry. */
export function fold(total: number): number {
  const once = (total >>> 16) + (total & 0xffff);
  return (once >>> 16) + (once & 0xffff);
}

/** The checksum of `length` bytes: 0 if they include a checksum field that is right. */
export function checksum(
  view: DataView,
  offset: number,
  length: number,
): number {
  return ~fold(sum(view, offset, length)) & 0xffff;
}

/** Sum of the pseudo header of the IPv4 packet at `ip` (RFC 9293 3.1): `length` bytes of `protocol` follow. */
export function ipv4PseudoSum(
  view: DataView,
  ip: number,
  protocol: number,
  length: number,
): number {
  return sum(view, ip + 12, 8) + protocol + length;
}

/** Sum of the pseudo header of the IPv6 packet at `ip` (RFC 8200 section 8.1). */
export function ipv6PseudoSum(
  view: DataView,
  ip: number,
  protocol: number,
  length: number,
): number {
  return sum(view, ip + 8, 32) + protocol + (length >>> 16) +
    (length & 0xffff);
}

/**
 * Completes a partial checksum as the virtio header describes it: the field at `ip + start + offset` holds the folded
 * pseudo-header sum, and receives the checksum of everything from `ip + start` to `end`.
 *
 * A result of zero is stored as ones, which UDP over IPv6 needs and which is equal for the others (Linux
 * skb_checksum_help behaviour). False, and nothing written, if the field does not lie before `end`.
 */
export function completeChecksum(
  view: DataView,
  ip: number,
  start: number,
  offset: number,
  end: number,
): boolean {
  const field = ip + start + offset;
  if (field + 2 > end || end > view.byteLength) return false;
  const result = checksum(view, ip + start, end - ip - start);
  view.setUint16(field, result === 0 ? 0xffff : result);
  return true;
}
