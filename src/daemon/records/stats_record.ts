/** The records of `stats`: the statistics, drops and counters of an interface. */

import type { Millis } from "../../base/units.ts";
import type { PortAttributes } from "../../hca/port_attributes.ts";
import type { Stats64, StatsRecord } from "../../ipc/schema.ts";
import type { IpoibInterface } from "../../ipoib/interface.ts";
import type { Statistics } from "../../ipoib/statistics.ts";

/** Data for records that does not belong to an interface. */
export interface RecordContext {
  port: PortAttributes;
  /** Counters of the port and its memberships. */
  counters: Record<string, number>;
  /** Name of the embedded subnet; undefined for a verbs device. */
  subnet: string | undefined;
  log: { destination: string; level: string };
  now: Millis;
}

/** Returns the statistics and the drops by reason, including packets that the queue of the TAP dropped. */
export function counted(
  { statistics }: IpoibInterface,
  queueDrops: number,
): { stats64: Stats64; drops: Record<string, number> } {
  return {
    stats64: stats64(statistics, queueDrops),
    drops: {
      ...statistics.dropsByReason(),
      ...(queueDrops === 0 ? {} : { tx_device_queue: queueDrops }),
    },
  };
}

function stats64({ totals }: Statistics, queueDrops: number): Stats64 {
  const total = totals.snapshot();
  return {
    rx: {
      bytes: total.rx_bytes,
      packets: total.rx_packets,
      errors: total.rx_errors,
      dropped: total.rx_dropped,
      over_errors: 0,
      multicast: total.multicast,
    },
    tx: {
      bytes: total.tx_bytes,
      packets: total.tx_packets,
      errors: total.tx_errors,
      dropped: total.tx_dropped + queueDrops,
      carrier_errors: 0,
      collisions: 0,
    },
  };
}

export function statsRecord(
  iface: IpoibInterface,
  context: RecordContext,
): StatsRecord {
  const counts = iface.statistics;
  const { queueDrops } = iface.netdev.status();
  return {
    ifname: iface.name,
    stats64: stats64(counts, queueDrops),
    drops: { ...counts.drops.snapshot(), tx_device_queue: queueDrops },
    counters: {
      ...framesAndPackets(iface),
      tx_arp: counts.arpSent,
      rx_arp: counts.arpReceived,
      tx_nd: counts.ndSent,
      rx_nd: counts.ndReceived,
      tx_dhcp: counts.dhcpSent,
      rx_dhcp: counts.dhcpReceived,
      ...counts.tables.snapshot(),
      ...counts.connections.snapshot(),
      ...Object.fromEntries(
        Object.entries(context.counters).map(([k, v]) => [`port_${k}`, v]),
      ),
    },
  };
}

/** Returns the counters that add up with the statistics and the drops (ipoib/statistics.ts). */
function framesAndPackets(
  { statistics: { totals }, waiting, netdev }: IpoibInterface,
) {
  return {
    tx_frames: totals.get("tx_frames"),
    tx_generated: totals.get("tx_generated"),
    tx_waiting: waiting,
    rx_received: totals.get("rx_received"),
    rx_frames: totals.get("rx_frames"),
    rx_coalesced: totals.get("rx_coalesced"),
    rx_writing: netdev.writing,
    rx_ignored: totals.get("rx_ignored"),
    rx_echoes: totals.get("rx_echoes"),
    rx_events: totals.get("rx_events"),
  };
}
