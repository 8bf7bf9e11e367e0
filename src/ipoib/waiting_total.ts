/**
 * The packets that wait on an interface for addresses, paths and groups, all queues together.
 *
 * When half of the bound is used each destination may keep a few packets only, so that packets to many absent destinations
 * leave memory for the first packets to others.
 */

import {
  MAX_TOTAL_WAITING_BYTES,
  WAITING_PACKETS_WHEN_SCARCE,
} from "./constants.ts";

/** What a waiting packet takes beside its bytes, about (measured): the buffer's objects and its entry. */
const OVERHEAD_BYTES = 512;

export class WaitingTotal {
  /** With the overhead of each packet. */
  bytes = 0;

  /** True if a queue that has `queued` packets may take one more of so many bytes. */
  allows(queued: number, bytes: number): boolean {
    const limit = queued < WAITING_PACKETS_WHEN_SCARCE
      ? MAX_TOTAL_WAITING_BYTES
      : MAX_TOTAL_WAITING_BYTES / 2;
    return this.bytes + bytes + OVERHEAD_BYTES <= limit;
  }

  add(packets: number, bytes: number): void {
    this.bytes += bytes + packets * OVERHEAD_BYTES;
  }
}
