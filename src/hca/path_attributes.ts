/** The address handle attributes of a path record. */

import type { PathRecord } from "../wire/sa/path_record.ts";
import type { AddressHandleAttributes } from "./address_handle.ts";
import type { PortAttributes } from "./port_attributes.ts";
import { type PortSpeed, staticRate } from "./port_rate.ts";

/** The attributes of the local port that those of a path depend on. */
export type PathPort = PortSpeed & Pick<PortAttributes, "grhRequired" | "lmc">;

/**
 * Returns the attributes of packets on a path. They have a GRH if the hop limit is not 0 (Linux
 * ib_init_ah_attr_from_path), or if the port requires one: within a subnet OpenSM returns the hop limit 0.
 */
export function pathAttributes(
  record: PathRecord,
  port: PathPort,
): AddressHandleAttributes {
  const { dlid, slid, sl, rate, dgid, flowLabel, hopLimit, tclass } = record;
  return {
    dlid,
    sl,
    staticRate: staticRate(rate, port),
    ...pathBitsOf(slid, port),
    ...(hopLimit > 0 || port.grhRequired
      ? {
        grh: {
          dgid,
          flowLabel,
          hopLimit,
          trafficClass: tclass,
          sgidIndex: 0,
        },
      }
      : {}),
  };
}

/** Returns the path bits of a LID of the port, as an attribute that is absent if they are 0. */
export function pathBitsOf(
  lid: number,
  { lmc }: Pick<PortAttributes, "lmc">,
): { pathBits?: number } {
  const pathBits = lid & (1 << lmc) - 1;
  return pathBits === 0 ? {} : { pathBits };
}
