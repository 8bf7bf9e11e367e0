/** How packets to a peer are sent, and the traffic of peers and groups, in records. */

import type { Millis } from "../../base/units.ts";
import type {
  NeighRecord,
  TrafficRecord,
  TransportRecord,
} from "../../ipc/schema.ts";
import type { IpoibInterface } from "../../ipoib/interface.ts";
import type { Peer } from "../../ipoib/peer.ts";
import { addTraffic, type Traffic, TrafficCount } from "../../ipoib/traffic.ts";

/** Returns how packets to a peer are sent. */
export function transportOf(
  { connected }: IpoibInterface,
  peer: Peer,
  now: Millis,
): TransportRecord {
  const active = connected.active?.find(peer);
  if (!active) return { transport: "ud" };
  const { state: connection } = active;
  if (connection !== "established") return { transport: "ud", connection };
  return {
    transport: "rc",
    connection,
    rc_qpn: active.remoteQpn,
    rc_mtu: active.mtu,
    rc_age_ms: Math.round(now - active.establishedAt),
  };
}

/** Returns the traffic of a peer on the UD queue pair and on connections, and the last round trip. */
export function peerTraffic(
  { connected }: IpoibInterface,
  { traffic, address, roundTrips, roundTripMs }: Peer,
  now: Millis,
): TrafficRecord & Pick<NeighRecord, "rtt_ms" | "round_trips"> {
  const sum = traffic.slice();
  const received = connected.passive?.trafficOf(address);
  if (received) addTraffic(sum, received);
  return {
    ...trafficRecord(sum, now),
    ...(roundTrips
      ? {
        rtt_ms: Math.round(roundTripMs * 1000) / 1000,
        round_trips: {
          counts: [...roundTrips.counts],
          sum_seconds: roundTrips.sumSeconds,
        },
      }
      : {}),
  };
}

export function trafficRecord(traffic: Traffic, now: Millis): TrafficRecord {
  const seenAt = traffic[TrafficCount.SeenAt]!;
  return {
    rx_packets: traffic[TrafficCount.RxPackets]!,
    rx_bytes: traffic[TrafficCount.RxBytes]!,
    tx_packets: traffic[TrafficCount.TxPackets]!,
    tx_bytes: traffic[TrafficCount.TxBytes]!,
    ...(seenAt === 0 ? {} : { seen_ms: Math.max(0, Math.round(now - seenAt)) }),
  };
}
