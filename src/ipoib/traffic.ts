/**
 * Traffic of one peer or one multicast group.
 *
 * A typed array of numbers, so that the data path allocates nothing: a packet increments two of them, and a received
 * packet stores the time too. Packets and bytes are counted as in the totals of the interface (statistics.ts): bytes
 * sent include the 4-byte IPoIB header, bytes received do not. Unless peers or groups were removed, or packets were
 * received while the link was ended,
 *
 *     tx_packets              = sent to peers + sent to groups
 *     rx_received - rx_echoes = received from peers + received from others (senders.ts)
 */

/** Numbers with the indices {@linkcode TrafficCount}. */
export type Traffic = Float64Array;

/** Indices into a {@linkcode Traffic}. */
export const TrafficCount = {
  TxPackets: 0,
  TxBytes: 1,
  /** Packets taken from the queue pair, without echoes. Some of them may not reach the kernel. */
  RxPackets: 2,
  RxBytes: 3,
  /** Time of the last received packet on the reactor's clock; 0 for never. */
  SeenAt: 4,
} as const;

const TRAFFIC_WORDS = 5;

export function newTraffic(): Traffic {
  return new Float64Array(TRAFFIC_WORDS);
}

/** Adds the packets and bytes of `from` to `to`. */
export function addTraffic(to: Traffic, from: Traffic): void {
  for (let i = 0; i < TrafficCount.SeenAt; i++) to[i]! += from[i]!;
  to[TrafficCount.SeenAt] = Math.max(
    to[TrafficCount.SeenAt]!,
    from[TrafficCount.SeenAt]!,
  );
}
