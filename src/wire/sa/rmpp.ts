/**
 * Reliable multi-packet protocol (RMPP): segments of a table, and aborts (IBTA vol. 1 13.6; Linux `core/mad_rmpp.c`).
 *
 * The payload of a segment is 220 bytes: the SA header (20 bytes, the same in all segments) and 200 bytes of the table.
 * PayloadLength is the total of all segments in the first segment, the length of its own payload without the unused
 * part in the last, and 0 in all others.
 */

import {
  NO_RMPP,
  RmppFlag,
  RmppType,
  SA_DATA_LENGTH,
  SA_HEADER_LENGTH,
  SaMad,
} from "./sa_mad.ts";

/** RMPPVersion. */
export const RMPP_VERSION = 1;

/** RMPPStatus: success, and reasons for an abort (118 to 127, IBTA vol. 1 13.6.2.1). */
export const RmppStatus = {
  Ok: 0,
  BadType: 121,
  WindowTooSmall: 122,
  SegmentTooBig: 123,
  UnsupportedVersion: 125,
  TooManyRetries: 126,
} as const;

/** Returns the segments of a table as MADs of 256 bytes. `header` is the response without data. */
export function segmentTable(header: SaMad, table: Uint8Array): Uint8Array[] {
  const count = Math.max(1, Math.ceil(table.length / SA_DATA_LENGTH));
  return Array.from({ length: count }, (_, i) => {
    const begin = i * SA_DATA_LENGTH;
    const data = table.subarray(begin, begin + SA_DATA_LENGTH);
    const [first, last] = [i === 0, i === count - 1];
    return SaMad.emit({
      ...header,
      data,
      rmpp: {
        version: RMPP_VERSION,
        type: RmppType.Data,
        respTime: 0,
        flags: RmppFlag.Active | (first ? RmppFlag.First : 0) |
          (last ? RmppFlag.Last : 0),
        status: RmppStatus.Ok,
        segment: i + 1,
        payloadLength: first
          ? count * SA_HEADER_LENGTH + table.length
          : last
          ? SA_HEADER_LENGTH + data.length
          : 0,
      },
    });
  });
}

/** Returns an ABORT, 256 bytes. `mad` is a MAD of the transfer, `method` the method of the aborting side's packets. */
export function abortMad(
  mad: SaMad,
  method: number,
  status: number,
): Uint8Array {
  return SaMad.emit({
    ...mad,
    method,
    status: 0,
    data: new Uint8Array(0),
    rmpp: {
      ...NO_RMPP,
      version: RMPP_VERSION,
      type: RmppType.Abort,
      flags: RmppFlag.Active,
      status,
    },
  });
}
