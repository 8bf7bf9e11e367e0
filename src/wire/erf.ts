/**
 * Extensible Record Format: the header of 16 bytes before an InfiniBand packet in a capture of link type ERF.
 *
 * Common analyzers read InfiniBand packets that start with the LRH only in this format.
 *
 * | offset | size | field                                                                 |
 * |--------|------|-----------------------------------------------------------------------|
 * | 0      | 8    | time, little-endian: fraction of a second (32 bits), seconds (32 bits) |
 * | 8      | 1    | type: 21 InfiniBand                                                   |
 * | 9      | 1    | flags: 0x04 varying record length                                     |
 * | 10     | 2    | length of the record in bytes, including this header                  |
 * | 12     | 2    | packets lost since the previous record                                |
 * | 14     | 2    | length of the packet on the wire in bytes                             |
 */

/** Length of the header in bytes. */
export const ERF_HEADER_LENGTH = 16;

/** Record type of InfiniBand. */
const ERF_TYPE_INFINIBAND = 21;
const VARYING_LENGTH = 0x04;
const NANOSECONDS = 1_000_000_000;

/**
 * Writes the header of a record at `at`.
 *
 * @param seconds since 1970
 * @param nanoseconds below 10^9
 * @param captured bytes of the packet in the record, at most 65519
 * @param length bytes of the packet; a length that does not fit the field is written as its maximum
 */
export function writeErfHeader(
  view: DataView,
  at: number,
  seconds: number,
  nanoseconds: number,
  captured: number,
  length: number,
): void {
  const fraction = Math.floor(nanoseconds / NANOSECONDS * 0x100000000);
  view.setUint32(at, fraction, true);
  view.setUint32(at + 4, seconds, true);
  view.setUint8(at + 8, ERF_TYPE_INFINIBAND);
  view.setUint8(at + 9, VARYING_LENGTH);
  view.setUint16(at + 10, ERF_HEADER_LENGTH + captured);
  view.setUint16(at + 12, 0);
  view.setUint16(at + 14, Math.min(length, 0xffff));
}
