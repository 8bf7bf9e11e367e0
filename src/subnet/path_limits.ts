/**
 * MTU, rate and packet life time of a path, by the selectors of the request (IBTA vol. 1 15.2.5.16).
 *
 * As in OpenSM, a value larger than the request permits is lowered instead of rejected, for the selector "less than"
 * and, except for the rate, for "exactly".
 */

import {
  PACKET_LIFETIME_EXPONENT,
  PathMask,
  type PathRecord,
} from "../wire/sa/path_record.ts";
import { rateDataMbps, slowerRate } from "../base/rates.ts";
import { Selector } from "../wire/sa/selector.ts";
import { LINK } from "./constants.ts";
import type { Subnet } from "./subnet.ts";

/** Codes of a path. */
export interface PathLimits {
  mtu: number;
  rate: number;
  lifetime: number;
}

/**
 * Returns the limits of a path, or undefined if no path can satisfy the request.
 *
 * @param loop the path leads from a port to itself
 */
export function pathLimits(
  subnet: Subnet,
  loop: boolean,
  request: PathRecord,
  mask: bigint,
): PathLimits | undefined {
  const both = (bits: bigint) => (mask & bits) === bits;
  const mtu = both(PathMask.Mtu | PathMask.MtuSelector)
    ? limited(request.mtuSelector, request.mtu, subnet.mtuCode)
    : subnet.mtuCode;
  const rate = both(PathMask.Rate | PathMask.RateSelector)
    ? limitedRate(request.rateSelector, request.rate)
    : LINK.rateCode;
  const life = loop ? 0 : PACKET_LIFETIME_EXPONENT;
  const lifetime = both(PathMask.Lifetime | PathMask.LifetimeSelector)
    ? limited(request.lifetimeSelector, request.lifetime, life)
    : life;
  return mtu === undefined || rate === undefined || lifetime === undefined
    ? undefined
    : { mtu, rate, lifetime };
}

function limited(
  selector: number,
  asked: number,
  actual: number,
): number | undefined {
  switch (selector) {
    case Selector.GreaterThan:
      return actual > asked ? actual : undefined;
    case Selector.LessThan:
      if (actual < asked) return actual;
      return asked > 1 ? asked - 1 : undefined;
    case Selector.Exactly:
      return actual >= asked ? asked : undefined;
    default:
      return actual;
  }
}

function limitedRate(selector: number, asked: number): number | undefined {
  const [wanted, link] = [rateDataMbps(asked)!, rateDataMbps(LINK.rateCode)!];
  switch (selector) {
    case Selector.GreaterThan:
      return link > wanted ? LINK.rateCode : undefined;
    case Selector.LessThan:
      return link < wanted ? LINK.rateCode : slowerRate(asked);
    case Selector.Exactly:
      return link === wanted ? asked : undefined;
    default:
      return LINK.rateCode;
  }
}
