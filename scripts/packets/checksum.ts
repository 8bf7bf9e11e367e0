/** The Internet checksum (RFC 1071), for packets sent by the demo and the tests. */

/** Returns the checksum of `length` bytes at `offset`, or 0 if they include a correct checksum field. */
export function checksum(
  view: DataView,
  offset: number,
  length: number,
): number {
  const end = offset + length;
  let sum = 0;
  for (let at = offset; at + 2 <= end; at += 2) sum += view.getUint16(at);
  if (length % 2 === 1) sum += view.getUint8(end - 1) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
