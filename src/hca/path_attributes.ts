/** The address handle attributes of a path record. */

import type { PathRecord } from "../wire/sa/path_record.ts";
import type { AddressHandleAttributes, PortAttributes } from "./hca.ts";

/**
 * Returns the attributes of packets on a path. They have a GRH if the hop limit is not 0 (Linux
 * ib_init_ah_attr_from_path), or if the port requires one: within a subnet OpenSM returns the hop limit 0.
 */
export function pathAttributes(
  record: PathRecord,
  { grhRequired }: Pick<PortAttributes, "grhRequired">,
): AddressHandleAttributes {
  const { dlid, sl, rate, dgid, flowLabel, hopLimit, tclass } = record;
  return {
    dlid,
    sl,
    staticRate: rate,
    ...(hopLimit > 0 || grhRequired
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
