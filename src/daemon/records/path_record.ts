/** The records of `path.show`. */

import { rateMbps } from "../../base/rates.ts";
import { type Millis, mtuCodeBytes } from "../../base/units.ts";
import type { PathRecord } from "../../ipc/schema.ts";
import type { IpoibInterface } from "../../ipoib/interface.ts";
import type { Path } from "../../ipoib/path.ts";
import { unsentText } from "../../sa/result.ts";
import { formatGidLong } from "../../wire/gid.ts";
import { transportOf } from "./traffic_record.ts";

export function pathRecords(iface: IpoibInterface, now: Millis): PathRecord[] {
  return iface.paths.entries().map((path) => ({
    gid: formatGidLong(path.gid),
    dev: iface.name,
    complete: path.ah !== undefined,
    ...(path.ah && path.record
      ? {
        dlid: path.record.dlid,
        sl: path.record.sl,
        rate_mbps: rateMbps(path.record.rate) ?? 0,
        mtu: mtuCodeBytes(path.record.mtu) ?? 0,
        hoplimit: path.record.hopLimit,
      }
      : {}),
    ...(iface.connected.mode === "connected"
      ? {
        peers: iface.peers.on(path).map((peer) => ({
          qpn: peer.address.qpn,
          ...transportOf(iface, peer, now),
        })),
      }
      : {}),
    queued: path.waiters.length,
    ...pathFailure(path),
  })).sort((a, b) => a.gid < b.gid ? -1 : 1);
}

function pathFailure({ failure, unsent }: Path): Pick<PathRecord, "error"> {
  if (failure === undefined) return {};
  const status = `status -${failure}`;
  return { error: unsent ? `${status}: ${unsentText(failure)}` : status };
}
