/**
 * Compares an MCMemberRecord request with a group (IBTA vol. 1 o15-0.2.4, as OpenSM implements it).
 *
 * MTU and rate are compared by their selectors; Q_Key, TClass, SL, FlowLabel and HopLimit must be equal; P_Keys must
 * have equal low 15 bits and must not both be limited. Packet life time and scope are not compared. The functions
 * return the fields that differ, in the order in which OpenSM compares them.
 */

import { hex } from "../../base/hex.ts";
import { formatRate, rateDataMbps } from "../../base/rates.ts";
import { formatMtuCode, mtuCodeBytes, pkeysMatch } from "../../base/units.ts";
import { McMask, type McMemberRecord } from "./mc_member_record.ts";
import { selectorAllows } from "./selector.ts";

/** A field of a request that a group does not satisfy. */
export interface Mismatch {
  /** Name of the field, such as "Q_Key". */
  readonly field: string;
  /** Value of the request, as text; for MTU and rate with the selector, such as "exactly 2048". */
  readonly requested: string;
  /** Value of the group, as text. */
  readonly actual: string;
}

/** The fields of a group that a request is compared with. */
export type GroupFields = Pick<
  McMemberRecord,
  "qkey" | "pkey" | "tclass" | "sl" | "flowLabel" | "hopLimit" | "mtu" | "rate"
>;

const SELECTOR_WORDS = ["more than", "less than", "exactly", "the best of"];

/** Compares the fields that must be equal, and the P_Key. */
export function keyMismatches(
  request: McMemberRecord,
  mask: bigint,
  group: GroupFields,
): Mismatch[] {
  const mismatches: Mismatch[] = [];
  const compare = (
    field: string,
    bit: bigint,
    key: keyof GroupFields,
    text: (value: number) => string,
    equal = (a: number, b: number) => a === b,
  ) => {
    if ((mask & bit) === 0n || equal(request[key], group[key])) return;
    mismatches.push({
      field,
      requested: text(request[key]),
      actual: text(group[key]),
    });
  };
  compare("Q_Key", McMask.Qkey, "qkey", (value) => hex(value, 8));
  compare("P_Key", McMask.Pkey, "pkey", (value) => hex(value), pkeysMatch);
  compare("TClass", McMask.Tclass, "tclass", String);
  compare("SL", McMask.Sl, "sl", String);
  compare("FlowLabel", McMask.FlowLabel, "flowLabel", (value) => hex(value, 5));
  compare("HopLimit", McMask.HopLimit, "hopLimit", String);
  return mismatches;
}

/** Compares MTU and rate by their selectors. */
export function sizeMismatches(
  request: McMemberRecord,
  mask: bigint,
  group: GroupFields,
): Mismatch[] {
  const mismatches: Mismatch[] = [];
  const compare = (
    field: string,
    selector: number,
    key: "mtu" | "rate",
    magnitude: (code: number) => number | undefined,
    text: (code: number) => string,
  ) => {
    const requested = magnitude(request[key]) ?? 0;
    const actual = magnitude(group[key]) ?? 0;
    if (selectorAllows(selector, requested, actual)) return;
    mismatches.push({
      field,
      requested: `${SELECTOR_WORDS[selector]} ${text(request[key])}`,
      actual: text(group[key]),
    });
  };
  if ((mask & McMask.MtuSelector) !== 0n) {
    compare("MTU", request.mtuSelector, "mtu", mtuCodeBytes, formatMtuCode);
  }
  if ((mask & McMask.RateSelector) !== 0n) {
    compare("rate", request.rateSelector, "rate", rateDataMbps, formatRate);
  }
  return mismatches;
}
