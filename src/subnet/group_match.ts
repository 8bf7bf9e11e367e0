/**
 * Compares an MCMemberRecord request with a group (IBTA vol. 1 o15-0.2.4, as OpenSM implements it).
 *
 * MTU and rate are compared by their selectors; Q_Key, TClass, SL, FlowLabel and HopLimit must be equal; P_Keys must
 * have equal low 15 bits and must not both be limited. Packet life time and scope are not compared.
 *
 * The functions return the reason for a mismatch, with the field and its values, or undefined.
 */

import { hex } from "../base/hex.ts";
import { ibMtuBytes, pkeysMatch } from "../base/units.ts";
import { McMask, type McMemberRecord } from "../wire/sa/mc_member_record.ts";
import { rateDataMbps, rateMbps } from "../base/rates.ts";
import { selectorAllows } from "../wire/sa/selector.ts";
import type { GroupParameters } from "./groups.ts";

const SELECTOR_WORDS = ["more than", "less than", "exactly", "the best of"];

/** Compares the fields that must be equal, and the P_Key. */
export function keyMismatch(
  request: McMemberRecord,
  mask: bigint,
  group: GroupParameters,
): string | undefined {
  if ((mask & McMask.Qkey) !== 0n && request.qkey !== group.qkey) {
    return differs("Q_Key", hex(request.qkey, 8), hex(group.qkey, 8));
  }
  if ((mask & McMask.Pkey) !== 0n && !pkeysMatch(request.pkey, group.pkey)) {
    return differs("P_Key", hex(request.pkey), hex(group.pkey));
  }
  if ((mask & McMask.Tclass) !== 0n && request.tclass !== group.tclass) {
    return differs("TClass", request.tclass, group.tclass);
  }
  if ((mask & McMask.Sl) !== 0n && request.sl !== group.sl) {
    return differs("SL", request.sl, group.sl);
  }
  if (
    (mask & McMask.FlowLabel) !== 0n && request.flowLabel !== group.flowLabel
  ) {
    return differs(
      "FlowLabel",
      hex(request.flowLabel, 5),
      hex(group.flowLabel, 5),
    );
  }
  if ((mask & McMask.HopLimit) !== 0n && request.hopLimit !== group.hopLimit) {
    return differs("HopLimit", request.hopLimit, group.hopLimit);
  }
  return undefined;
}

/** Compares MTU and rate by their selectors. */
export function sizeMismatch(
  request: McMemberRecord,
  mask: bigint,
  group: GroupParameters,
): string | undefined {
  if ((mask & McMask.MtuSelector) !== 0n) {
    const asked = ibMtuBytes(request.mtu) ?? 0;
    const actual = ibMtuBytes(group.mtu) ?? 0;
    if (!selectorAllows(request.mtuSelector, asked, actual)) {
      const word = SELECTOR_WORDS[request.mtuSelector];
      return `request has MTU ${word} ${asked}, group has ${actual}`;
    }
  }
  if ((mask & McMask.RateSelector) !== 0n) {
    const asked = rateDataMbps(request.rate) ?? 0;
    const actual = rateDataMbps(group.rate) ?? 0;
    if (!selectorAllows(request.rateSelector, asked, actual)) {
      const word = SELECTOR_WORDS[request.rateSelector];
      return `request has rate ${word} ${
        rateMbps(request.rate) ?? 0
      } Mb/s, group has ${rateMbps(group.rate)} Mb/s`;
    }
  }
  return undefined;
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

function differs(
  field: string,
  asked: number | string,
  actual: number | string,
): string {
  return `request has ${field} ${asked}, group has ${actual}`;
}
