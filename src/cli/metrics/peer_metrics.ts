/**
 * The metrics of peers, on request: traffic and round trips.
 *
 * A peer is a link-layer address, which identifies its time series. Which of its IP addresses names it may change while
 * it has traffic, so that the name is a label of an info metric only. The peers with the most traffic are shown, up to
 * MAX_PEERS of an interface.
 */

import type { NeighRecord } from "../../ipc/schema.ts";
import { peersAmong } from "../peers.ts";
import type { Family, Labels } from "./exposition.ts";
import { histogram } from "./histogram.ts";

/** Maximum number of peers of an interface, each with about twenty time series. */
export const MAX_PEERS = 256;

/** The neighbours of one interface. */
export interface MeasuredPeers {
  readonly labels: Labels;
  readonly neighbours: readonly NeighRecord[];
  /** Bounds of the buckets of their round trips; none if the process does not report them. */
  readonly bounds: readonly number[];
}

const METRICS = [
  [
    "peer_receive_bytes",
    "counter",
    "Bytes received from the peer.",
    "rx_bytes",
  ],
  ["peer_transmit_bytes", "counter", "Bytes sent to the peer.", "tx_bytes"],
  [
    "peer_receive_packets",
    "counter",
    "Packets received from the peer.",
    "rx_packets",
  ],
  [
    "peer_transmit_packets",
    "counter",
    "Packets sent to the peer.",
    "tx_packets",
  ],
] as const;

/** Returns the families of the peers. */
export function peerFamilies(all: readonly MeasuredPeers[]): Family[] {
  const peers = all.flatMap(({ labels, neighbours, bounds }) =>
    peersOf(neighbours).map((peer) => ({
      labels: { ...labels, gid: peer.gid ?? "", lladdr: peer.lladdr ?? "" },
      peer,
      bounds,
    }))
  );
  const traffic = METRICS.map(([name, type, help, member]): Family => ({
    name: `ipoib_${name}`,
    type,
    help,
    ...(name.endsWith("bytes") ? { unit: "bytes" } : {}),
    samples: peers.map(({ labels, peer }) => ({
      labels,
      value: peer[member] ?? 0,
    })),
  }));
  return [
    {
      name: "ipoib_peer",
      type: "info",
      help: "An IP address of the peer: the lowest, of IPv4 if it has any.",
      samples: peers.map(({ labels, peer }) => ({
        labels: { ...labels, peer: peer.dst },
        value: 1,
      })),
    },
    ...traffic,
    {
      name: "ipoib_peer_round_trip_seconds",
      type: "histogram",
      unit: "seconds",
      help: "Time from a unicast probe of the peer to its reply.",
      samples: peers.flatMap(({ labels, peer, bounds }) =>
        peer.round_trips && bounds.length > 0
          ? histogram(peer.round_trips, bounds).map((reading) => ({
            ...reading,
            labels: { ...labels, ...reading.labels },
          }))
          : []
      ),
    },
  ];
}

/** Returns the peers, those with the most traffic first. */
export function peersOf(neighbours: readonly NeighRecord[]): NeighRecord[] {
  const bytes = ({ rx_bytes = 0, tx_bytes = 0 }: NeighRecord) =>
    rx_bytes + tx_bytes;
  return peersAmong(neighbours).sort((a, b) => bytes(b) - bytes(a))
    .slice(0, MAX_PEERS);
}
