/**
 * Memory limit for all packet queues of an interface together.
 *
 * Once half of the limit is in use, each destination may queue only WAITING_PACKETS_WHEN_SCARCE packets, so that
 * packets to many absent destinations leave memory for the first packets to others.
 */

import {
  MAX_TOTAL_WAITING_BYTES,
  WAITING_PACKETS_WHEN_SCARCE,
} from "./constants.ts";

/** Approximate overhead of a queued packet in bytes (measured): buffer objects and queue entry. */
const OVERHEAD_BYTES = 512;

export class WaitingTotal {
  /** Number of packets. */
  packets = 0;
  /** Bytes in use, including the overhead of each packet. */
  bytes = 0;

  /** Returns true if a queue of `queued` packets may take another packet of `bytes` bytes. */
  allows(queued: number, bytes: number): boolean {
    const limit = queued < WAITING_PACKETS_WHEN_SCARCE
      ? MAX_TOTAL_WAITING_BYTES
      : MAX_TOTAL_WAITING_BYTES / 2;
    return this.bytes + bytes + OVERHEAD_BYTES <= limit;
  }

  /** Adds packets and their bytes to the total; both are negative for packets that leave a queue. */
  add(packets: number, bytes: number): void {
    this.packets += packets;
    this.bytes += bytes + packets * OVERHEAD_BYTES;
  }
}
