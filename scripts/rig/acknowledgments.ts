/** Counts the acknowledgments that a guest sends while it receives a TCP stream. */

import type { Guest } from "./guest.ts";
import type { Node } from "./node.ts";

/** TCP segments that a guest has sent (RFC 4022, tcpOutSegs). */
const SENT = `awk '/^Tcp:/ { sent = $12 } END { print sent }' /proc/net/snmp`;
const RECEIVED = "cd /sys/class/net/ib0/statistics; cat rx_packets rx_dropped";

/** What a guest has received and sent during a stream. */
export interface Acknowledged {
  /** Packets received from the fabric. */
  readonly packets: number;
  /** Those that reached the stack as part of a frame that starts with another packet; 0 for ib_ipoib. */
  readonly coalesced: number;
  /** Packets that did not reach the stack. */
  readonly dropped: number;
  /** TCP segments sent: nearly all are acknowledgments. */
  readonly acknowledgments: number;
}

/**
 * Counts packets and acknowledgments of a guest during `run`.
 *
 * @param node the process of ipoib on the guest; absent: the guest has ib_ipoib, whose counter has received packets
 */
export async function acknowledged(
  receiver: Guest,
  node: Node | undefined,
  run: () => Promise<unknown>,
): Promise<Acknowledged> {
  const before = await counted(receiver, node);
  await run();
  const after = await counted(receiver, node);
  return {
    packets: after.packets - before.packets,
    coalesced: after.coalesced - before.coalesced,
    dropped: after.dropped - before.dropped,
    acknowledgments: after.acknowledgments - before.acknowledgments,
  };
}

async function counted(
  guest: Guest,
  node: Node | undefined,
): Promise<Acknowledged> {
  const acknowledgments = Number(await guest.must(SENT));
  if (node === undefined) {
    const text = await guest.must(RECEIVED);
    const [packets, dropped] = text.trim().split("\n").map(Number);
    return {
      ...{ packets: packets!, dropped: dropped! },
      ...{ coalesced: 0, acknowledgments },
    };
  }
  const statistics = await node.statistics();
  return {
    packets: statistics.rx_packets!,
    coalesced: statistics.rx_coalesced!,
    dropped: statistics.rx_dropped!,
    acknowledgments,
  };
}
