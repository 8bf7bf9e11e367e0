/** Fuzz target of MADs and the records of the subnet administrator. */

import { assert, assertEquals } from "@std/assert";
import { MadHeader } from "../../../src/wire/mad.ts";
import { InformInfo } from "../../../src/wire/sa/inform_info.ts";
import { McMemberRecord } from "../../../src/wire/sa/mc_member_record.ts";
import { PathRecord } from "../../../src/wire/sa/path_record.ts";
import { SaMad } from "../../../src/wire/sa/sa_mad.ts";
import { emitInformInfo } from "../../wire/sa/subscriber.ts";
import { parserTarget } from "./target.ts";

interface Codec<T> {
  parse(data: Uint8Array): T | undefined;
  emit(record: T): Uint8Array;
}

/** Asserts that parsing an emitted record returns the same record. */
function assertRoundTrip<T>(codec: Codec<T>, data: Uint8Array): void {
  const record = codec.parse(data);
  if (record === undefined) return;
  assertEquals(codec.parse(codec.emit(record)), record);
}

const CODECS = [
  { parse: InformInfo.parse, emit: emitInformInfo },
  McMemberRecord,
  PathRecord,
] as unknown as Codec<unknown>[];

function run(bytes: Uint8Array): boolean {
  MadHeader.parse(bytes);
  for (const codec of CODECS) codec.parse(bytes);
  const mad = SaMad.parse(bytes);
  if (mad === undefined) return false;
  const { data, ...header } = mad;
  const second = SaMad.parse(SaMad.emit(mad))!;
  assert(second.transactionId === header.transactionId);
  assert(second.componentMask === header.componentMask);
  assert(second.rmpp.payloadLength === header.rmpp.payloadLength);
  // Comparing all records for each input would take most of the time.
  assertRoundTrip(CODECS[header.attributeId % CODECS.length]!, data);
  return true;
}

export const madTarget = parserTarget("mad", "bytes", run);
