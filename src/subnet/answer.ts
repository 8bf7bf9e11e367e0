/** Answers of the administrator as MADs: one record, or a table that fits one MAD (IBTA vol. 1 15.4). */

import { MadStatus, Method, responseMethod } from "../wire/mad.ts";
import {
  NO_RMPP,
  RmppFlag,
  RmppType,
  SA_CLASS_VERSION,
  SA_DATA_LENGTH,
  SA_HEADER_LENGTH,
  SaMad,
} from "../wire/sa/sa_mad.ts";
import { SaRefusal } from "./refusal.ts";

/** What goes into an answer. */
export interface Answer {
  readonly records: readonly Uint8Array[];
  /** Octets from one record to the next in a table, a multiple of 8; 0 for attributes that have no tables. */
  readonly stride: number;
}

/**
 * The MAD of an answer.
 *
 * @throws SaRefusal if there are not as many records as the method allows.
 */
export function answerMad(
  request: SaMad,
  { records, stride }: Answer,
): Uint8Array {
  if (request.method === Method.GetTable) {
    return tableMad(request, records, stride);
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
  return respond(request, { data, attributeOffset: stride / 8 });
}

/** The MAD of a refusal: the status and no data. */
export function refusalMad(request: SaMad, refusal: SaRefusal): Uint8Array {
  return respond(request, { status: refusal.status });
}

function tableMad(
  request: SaMad,
  records: readonly Uint8Array[],
  stride: number,
): Uint8Array {
  const length = records.length * stride;
  if (length > SA_DATA_LENGTH) {
    throw new SaRefusal(
      MadStatus.TooManyRecords,
      `${records.length} records do not fit one MAD`,
    );
  }
  const data = new Uint8Array(length);
  records.forEach((record, i) => data.set(record, i * stride));
  return respond(request, {
    data,
    attributeOffset: records.length === 0 ? 0 : stride / 8,
    rmpp: {
      version: 1,
      type: RmppType.Data,
      respTime: 0,
      flags: RmppFlag.Active | RmppFlag.First | RmppFlag.Last,
      status: 0,
      segment: 1,
      payloadLength: SA_HEADER_LENGTH + length,
    },
  });
}

/** SM_Key is 0 in all answers (IBTA vol. 1 C15-0.1.5). */
function respond(request: SaMad, fields: Partial<SaMad>): Uint8Array {
  return SaMad.emit({
    classVersion: SA_CLASS_VERSION,
    method: responseMethod(request.method),
    status: MadStatus.Ok,
    transactionId: request.transactionId,
    attributeId: request.attributeId,
    attributeModifier: request.attributeModifier,
    rmpp: NO_RMPP,
    smKey: 0n,
    attributeOffset: 0,
    componentMask: request.componentMask,
    data: new Uint8Array(0),
    ...fields,
  });
}
