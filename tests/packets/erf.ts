/**
 * Extensible Record Format: the 16 bytes that stand before an InfiniBand packet in a capture of link type ERF.
 *
 * It is the one way in which common analysers read InfiniBand packets that begin with their LRH.
 *
 * | offset | size | field                                                                 |
 * |--------|------|-----------------------------------------------------------------------|
 * | 0      | 8    | time, little-endian: fraction of a second (32 bits), seconds (32 bits) |
 * | 8      | 1    | type: 21 InfiniBand                                                   |
 * | 9      | 1    | flags: 0x04 varying record length                                     |
 * | 10     | 2    | bytes of the record, these 16 included                               |
 * | 12     | 2    | packets lost since the last record                                    |
 * | 14     | 2    | bytes of the packet on the wire                                      |
 */

import { IpoibError } from "../../src/base/errors.ts";

/** Bytes before the packet. */
export const ERF_HEADER_LENGTH = 16;
/** Record type of InfiniBand. */
const ERF_TYPE_INFINIBAND = 21;

const VARYING_LENGTH = 0x04;
const NANOSECONDS = 1_000_000_000n;

/**
 * The record of an InfiniBand packet that begins with its LRH.
 *
 * @param time nanoseconds since 1970
 * @throws IpoibError E_CAPTURE_LENGTH if the record would have more than 65 535 bytes
 */
export function erfRecord(frame: Uint8Array, time: bigint): Uint8Array {
  const length = ERF_HEADER_LENGTH + frame.length;
  if (length > 0xffff) {
    throw new IpoibError(
      "E_CAPTURE_LENGTH",
      `Cannot capture a packet of ${frame.length} bytes: an ERF record holds ${
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
