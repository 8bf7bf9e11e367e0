/** Schemas of the fields that several control messages have. */

import * as v from "valibot";
import { MAX_PKEYS } from "./partitions.ts";
import { LAST_LID } from "./ports.ts";

/** An unsigned integer. */
export const unsigned = (max: number) =>
  v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(max));
export const u16 = unsigned(0xffff);
/** A GUID in the form of formatGuid (base/hex.ts). */
export const guid = v.pipe(v.string(), v.regex(/^0x[0-9a-f]{16}$/));
export const unicastLid = v.pipe(
  u16,
  v.minValue(1),
  v.maxValue(LAST_LID),
);
export const list = <T extends v.GenericSchema>(item: T) =>
  v.pipe(v.array(item), v.maxLength(0x10000));
/** A P_Key table. The position of an entry is its P_Key index; an unused entry is 0. */
export const pkeyTable = v.pipe(v.array(u16), v.maxLength(MAX_PKEYS));
