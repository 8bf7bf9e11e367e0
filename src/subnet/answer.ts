/** Builds the administrator's response MADs: one record, a table, or a refusal (IBTA vol. 1 15.4). */

import { MadStatus, Method } from "../wire/mad.ts";
import { SaMad } from "../wire/sa/sa_mad.ts";
import { segmentTable } from "../wire/sa/rmpp.ts";
import { SaRefusal } from "./refusal.ts";

/** The content of a response. */
export interface Answer {
  readonly records: readonly Uint8Array[];
  /** Bytes from one record to the next in a table, a multiple of 8; 0 for an attribute without tables. */
  readonly stride: number;
}

/**
 * Returns the MADs of a response: the segments of a table for GetTable, otherwise one MAD.
 *
 * @throws SaRefusal if the request is not GetTable and there is no record, or more than one.
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
      `${records.length} records match, Get returns only one`,
    );
  }
  const [data] = records;
  if (data === undefined) {
    throw new SaRefusal(MadStatus.NoRecords, "no record matches");
  }
  return [
    SaMad.emit(SaMad.answer(request, { data, attributeOffset: stride / 8 })),
  ];
}

/** Returns the MAD of a refusal: the status, with the refusal's attribute data or else those of the request. */
export function refusalMad(request: SaMad, refusal: SaRefusal): Uint8Array {
  return SaMad.emit(SaMad.answer(request, {
    status: refusal.status,
    data: refusal.data ?? request.data,
    attributeOffset: request.method === Method.GetTable
      ? 0
      : request.attributeOffset,
  }));
}
