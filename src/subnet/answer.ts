/** Answers of the administrator as MADs: one record, a table, or a refusal (IBTA vol. 1 15.4). */

import { MadStatus, Method } from "../wire/mad.ts";
import { SaMad } from "../wire/sa/sa_mad.ts";
import { segmentTable } from "../wire/sa/rmpp.ts";
import { SaRefusal } from "./refusal.ts";

/** What goes into an answer. */
export interface Answer {
  readonly records: readonly Uint8Array[];
  /** Bytes from one record to the next in a table, a multiple of 8; 0 for attributes that have no tables. */
  readonly stride: number;
}

/**
 * The MADs of an answer: one, or the segments of a table.
 *
 * @throws SaRefusal if there are not as many records as the method allows.
 */
export function answerMads(
  request: SaMad,
  { records, stride }: Answer,
): Uint8Array[] {
  if (request.method === Method.GetTable) {
    const table = new Uint8Array(records.length * stride);
    records.forEach((record, i) => table.set(record, i * stride));
    const attributeOffset = records.length === 0 ? 0 : stride / 8;
    return segmentTable(SaMad.answer(request, { attributeOffset }), table);
  }
  if (records.length > 1) {
    throw new SaRefusal(
      MadStatus.TooManyRecords,
      `${records.length} records fit a request for one`,
    );
  }
  const [data] = records;
  if (data === undefined) {
    throw new SaRefusal(MadStatus.NoRecords, "nothing fits the request");
  }
  return [
    SaMad.emit(SaMad.answer(request, { data, attributeOffset: stride / 8 })),
  ];
}

/** The MAD of a refusal: the status, and the request's data again. */
export function refusalMad(request: SaMad, refusal: SaRefusal): Uint8Array {
  return SaMad.emit(SaMad.answer(request, {
    status: refusal.status,
    data: refusal.data ?? request.data,
    attributeOffset: request.method === Method.GetTable
      ? 0
      : request.attributeOffset,
  }));
}
