/** The administrator's reasons for refusing an MCMemberRecord request, with the field and its values. */

import { ibMtuBytes } from "../base/units.ts";
import { rateMbps } from "../base/rates.ts";
import type { McMemberRecord } from "../wire/sa/mc_member_record.ts";
import {
  keyMismatches,
  type Mismatch,
  sizeMismatches,
} from "../wire/sa/member_mismatch.ts";
import type { GroupParameters } from "./groups.ts";

/** Returns the first mismatch of the fields that must be equal, and the P_Key; undefined if there is none. */
export function keyMismatch(
  request: McMemberRecord,
  mask: bigint,
  group: GroupParameters,
): string | undefined {
  return reason(keyMismatches(request, mask, group));
}

/** Returns the first mismatch of MTU and rate; undefined if there is none. */
export function sizeMismatch(
  request: McMemberRecord,
  mask: bigint,
  group: GroupParameters,
): string | undefined {
  return reason(sizeMismatches(request, mask, group));
}

/** Checks that the MTU and rate codes are defined, if the mask has both the field and its selector. */
export function undefinedCode(
  request: { mtu: number; rate: number },
  mask: bigint,
  bits: {
    readonly Mtu: bigint;
    readonly MtuSelector: bigint;
    readonly Rate: bigint;
    readonly RateSelector: bigint;
  },
): string | undefined {
  const mtu = bits.Mtu | bits.MtuSelector;
  if ((mask & mtu) === mtu && ibMtuBytes(request.mtu) === undefined) {
    return `MTU code ${request.mtu} is not defined`;
  }
  const rate = bits.Rate | bits.RateSelector;
  if ((mask & rate) === rate && rateMbps(request.rate) === undefined) {
    return `rate code ${request.rate} is not defined`;
  }
  return undefined;
}

function reason([first]: readonly Mismatch[]): string | undefined {
  return first &&
    `request has ${first.field} ${first.requested}, group has ${first.actual}`;
}
