/**
 * The sizes of the rings of an interface, in packets: the receive queue of its queue pair, and the slots for packets to
 * send. The driver has module parameters for both (`recv_queue_size`, `send_queue_size`).
 */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";

/** Limits of the receive ring (Linux IPOIB_MIN_QUEUE_SIZE, IPOIB_MAX_QUEUE_SIZE). */
const MIN_RING = 2;
export const MAX_RING = 8192;

/**
 * Returns the size of a receive ring for a requested one, which is rounded up to a power of two (as in Linux
 * ipoib_init_module). Throws `E_RING` (EINVAL) if it is out of range.
 */
export function receiveRing(requested: number): number {
  if (requested < MIN_RING || requested > MAX_RING) {
    throw new IpoibError(
      "E_RING",
      `Receive ring of ${requested} packets is out of range`,
      { errno: Errno.EINVAL, hint: `use ${MIN_RING} to ${MAX_RING}` },
    );
  }
  return 2 ** Math.ceil(Math.log2(requested));
}

/** Throws `E_RING` (EINVAL) unless `requested` is the size of the send ring, which cannot be changed. */
export function checkSendRing(requested: number, size: number): void {
  if (requested === size) return;
  throw new IpoibError(
    "E_RING",
    `The send ring has ${size} packets and cannot be changed`,
    { errno: Errno.EINVAL },
  );
}
