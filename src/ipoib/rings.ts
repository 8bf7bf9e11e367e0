/**
 * The sizes of the rings of an interface, in packets: the receive queue of its queue pair, and the transmit queue of its
 * network device, from which this process reads. The driver has module parameters instead (`recv_queue_size`,
 * `send_queue_size`), with the same limits.
 */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { powerOfTwo } from "../base/units.ts";
import { DEFAULT_RECV_QUEUE, DEVICE_RECV_QUEUE } from "./constants.ts";

/** Limits of a ring (Linux IPOIB_MIN_QUEUE_SIZE, IPOIB_MAX_QUEUE_SIZE). */
const MIN_RING = 2;
export const MAX_RING = 8192;

/**
 * Returns the size of a ring for a requested one, which is rounded up to a power of two (as in Linux
 * ipoib_init_module). Throws `E_RING` (EINVAL) if it is out of range.
 */
export function ringSize(requested: number): number {
  if (requested < MIN_RING || requested > MAX_RING) {
    throw new IpoibError(
      "E_RING",
      `A ring of ${requested} packets is out of range`,
      { errno: Errno.EINVAL, hint: `use ${MIN_RING} to ${MAX_RING}` },
    );
  }
  return powerOfTwo(requested);
}

/**
 * Returns the receive ring of a new interface. Throws as {@linkcode ringSize}.
 *
 * @param requested size on the command line
 * @param device false on the embedded HCA
 */
export function newReceiveRing(
  requested: number | undefined,
  device: boolean,
): number {
  if (requested !== undefined) return ringSize(requested);
  return device ? DEVICE_RECV_QUEUE : DEFAULT_RECV_QUEUE;
}
