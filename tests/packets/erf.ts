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

import { IpoibError } from "../../src/base/errors.ts";

/** Length of the header in bytes. */
export const ERF_HEADER_LENGTH = 16;
/** Record type of InfiniBand. */
const ERF_TYPE_INFINIBAND = 21;

const VARYING_LENGTH = 0x04;
const NANOSECONDS = 1_000_000_000n;

/**
 * Returns the record of an InfiniBand packet that starts with its LRH. Throws `E_CAPTURE_LENGTH` if the record would
 * have more than 65535 bytes.
 *
 * @param time nanoseconds since 1970
 */
export function erfRecord(frame: Uint8Array, time: bigint): Uint8Array {
  const length = ERF_HEADER_LENGTH + frame.length;
  if (length > 0xffff) {
    throw new IpoibError(
      "E_CAPTURE_LENGTH",
      `Cannot capture a packet of ${frame.length} bytes: the maximum of an ERF record is ${
        0xffff - ERF_HEADER_LENGTH
      }`,
      { hint: "capture the segments of a large send" },
    );
  }
  const record = new Uint8Array(length);
  const view = new DataView(record.buffer);
  view.setUint32(0, Number((time % NANOSECONDS << 32n) / NANOSECONDS), true);
  view.setUint32(4, Number(time / NANOSECONDS), true);
  view.setUint8(8, ERF_TYPE_INFINIBAND);
  view.setUint8(9, VARYING_LENGTH);
  view.setUint16(10, length);
  view.setUint16(12, 0);
  view.setUint16(14, frame.length);
  record.set(frame, ERF_HEADER_LENGTH);
  return record;
}
