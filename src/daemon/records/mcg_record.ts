/** The records of `mcg.show`. */

import { rateMbps } from "../../base/rates.ts";
import { type Millis, mtuCodeBytes } from "../../base/units.ts";
import type { McgRecord } from "../../ipc/schema.ts";
import type { IpoibInterface } from "../../ipoib/interface.ts";
import { refusalOf } from "../../ipoib/multicast/join_obstacle.ts";
import type { MulticastGroup } from "../../ipoib/multicast/multicast_group.ts";
import { formatGidLong } from "../../wire/gid.ts";
import { trafficRecord } from "./traffic_record.ts";

export function mcgRecords(iface: IpoibInterface, now: Millis): McgRecord[] {
  return iface.groups.entries().map((group) => ({
    mgid: formatGidLong(group.mgid),
    dev: iface.name,
    created_ms: Math.max(0, Math.round(now - group.createdAt)),
    queuelen: group.queue.length,
    ...trafficRecord(group.traffic, now),
    complete: group.ah !== undefined,
    send_only: group.sendOnly,
    join: group.progress,
    attached: group.attached,
    ...(group.record
      ? {
        mlid: group.record.mlid,
        qkey: group.record.qkey,
        mtu: mtuCodeBytes(group.record.mtu) ?? 0,
        rate_mbps: rateMbps(group.record.rate) ?? 0,
        sl: group.record.sl,
      }
      : {}),
    ...(group.progress === "waiting"
      ? { retry_ms: Math.max(0, Math.round(group.retryAt - now)) }
      : {}),
    ...failureOf(group),
  })).sort((a, b) => a.mgid < b.mgid ? -1 : 1);
}

function failureOf(group: MulticastGroup): Pick<McgRecord, "error" | "reason"> {
  if (group.failure === undefined) return {};
  const reason = refusalOf(group);
  return {
    error: `status -${group.failure}`,
    ...reason === undefined ? {} : { reason },
  };
}
