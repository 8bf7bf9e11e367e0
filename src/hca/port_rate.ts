/** The rate of a port, and the static rate of paths that are slower than it (IBTA vol. 1 9.11.1). */

import { rateCode, rateDataMbps, rateGbps } from "../base/rates.ts";
import type { PortAttributes } from "./port_attributes.ts";

/** The attributes that the rate depends on. */
export type PortSpeed = Pick<PortAttributes, "activeWidth" | "laneMbps">;

/** Returns the port's nominal rate in Mb/s. */
export function portRateMbps({ activeWidth, laneMbps }: PortSpeed): number {
  return activeWidth * laneMbps;
}

/** Returns the code of the port's rate, or undefined if that has none. */
export function portRateCode(port: PortSpeed): number | undefined {
  const gbps = portRateMbps(port) / 1000;
  const code = rateCode(gbps);
  return rateGbps(code) === gbps ? code : undefined;
}

/**
 * Returns the static rate of a path or group: its rate code, or 0, which is the port's own rate, if the path is not slower
 * than the port. A device limits packets to any other static rate, as well as it can, and may not know the code of a rate
 * that it does not have: Linux' mlx4 driver replaces such codes, the one of libibverbs does not.
 */
export function staticRate(code: number, port: PortSpeed): number {
  const path = rateDataMbps(code);
  if (path === undefined) return 0;
  const own = portRateCode(port);
  const slower = own === undefined
    ? rateGbps(code)! * 1000 < portRateMbps(port)
    : path < rateDataMbps(own)!;
  return slower ? code : 0;
}
