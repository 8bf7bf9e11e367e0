/** The records of `neigh.show`. */

import type { Millis } from "../../base/units.ts";
import type { NeighRecord } from "../../ipc/schema.ts";
import type { IpoibInterface } from "../../ipoib/interface.ts";
import { formatGidLong } from "../../wire/gid.ts";
import { linkAddressText } from "../../wire/link_address.ts";
import { peerTraffic, transportOf } from "./traffic_record.ts";

/** Returns the kernel's neighbour entries with the link-layer addresses of this program. */
export function neighRecords(
  iface: IpoibInterface,
  now: Millis,
): NeighRecord[] {
  return iface.netdev.config.neighbours.list().map((entry) => {
    const neighbour = iface.neighbours.find(entry.address);
    const peer = neighbour?.peer;
    const address = peer?.address;
    return {
      dst: `${entry.address}`,
      dev: iface.name,
      ...(address
        ? {
          lladdr: linkAddressText(address),
          qpn: address.qpn,
          gid: formatGidLong(address.gid),
        }
        : {}),
      ...(peer
        ? { ...transportOf(iface, peer, now), ...peerTraffic(iface, peer, now) }
        : {}),
      used: entry.used,
      confirmed: entry.confirmed,
      updated: entry.updated,
      probes: entry.probes,
      state: [entry.state],
      queued: neighbour?.queue.length ?? 0,
    };
  });
}
