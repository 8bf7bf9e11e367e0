/** Answers of the administrator as MADs: one record, a table, or a refusal (IBTA vol. 1 15.4). */

import { MadStatus, Method, responseMethod } from "../wire/mad.ts";
import { NO_RMPP, SaMad } from "../wire/sa/sa_mad.ts";
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
    return segmentTable({
      ...response(request),
      attributeOffset: records.length === 0 ? 0 : stride / 8,
    }, table);
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
  return [SaMad.emit({
    ...response(request),
    data,
    attributeOffset: stride / 8,
  })];
}

/** The MAD of a refusal: the status, and the request's data again. */
export function refusalMad(request: SaMad, refusal: SaRefusal): Uint8Array {
  return SaMad.emit({
    ...response(request),
    status: refusal.status,
    data: refusal.data ?? request.data,
    attributeOffset: request.method === Method.GetTable
      ? 0
      : request.attributeOffset,
  });
}

/** The request's header as the answer has it; SM_Key is 0 in all answers (IBTA vol. 1 C15-0.1.5). */
function response(request: SaMad): SaMad {
  return {
    ...request,
    method: responseMethod(request.method),
    status: MadStatus.Ok,
    rmpp: NO_RMPP,
    smKey: 0n,
    attributeOffset: 0,
    data: new Uint8Array(0),
  };
}
