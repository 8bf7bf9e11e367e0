/** The address handle attributes of a path record. */

import type { PathRecord } from "../wire/sa/path_record.ts";
import type { AddressHandleAttributes } from "./hca.ts";

/** Returns the attributes of packets on a path, with a GRH only if the hop limit is not 0 (Linux ib_init_ah_attr_from_path). */
export function pathAttributes(record: PathRecord): AddressHandleAttributes {
  const { dlid, sl, rate, dgid, flowLabel, hopLimit, tclass } = record;
  return {
    dlid,
    sl,
    staticRate: rate,
    ...(hopLimit > 0
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
