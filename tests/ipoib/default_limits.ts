/** The limits on the tables of an interface whose kernel does not report its limit on neighbours. */

import type { Clock } from "../../src/base/clock.ts";
import {
  DEFAULT_MAX_NEIGHBOURS,
  SPARE_PEERS,
} from "../../src/ipoib/constants.ts";
import { TableLimits } from "../../src/ipoib/table_limits.ts";

export const DEFAULT_MAX_PATHS = DEFAULT_MAX_NEIGHBOURS + SPARE_PEERS;

export function defaultLimits(clock: Clock): TableLimits {
  return new TableLimits(clock, { limit: () => undefined }, () => 0);
}
