/** Asynchronous events of the first InfiniBand device of a guest, which the driver of the device raises on request. */

import type { Fabric } from "./fabric.ts";
import { DEVICE } from "./node.ts";

/** Numbers of `enum ib_event_type`. */
export const Event = {
  Fatal: 8,
  Active: 9,
  Error: 10,
  SmChange: 13,
  Reregister: 17,
} as const;

/** Returns the command that raises an event. */
export function raise(event: number): string {
  return `echo ${event} > ${DEVICE}/event`;
}

/** Lets the ports of all guests reregister, as after a restart of the subnet manager. */
export async function reregister({ a, b, c }: Fabric): Promise<void> {
  await Promise.all(
    [a, b, c].map((guest) => guest.must(raise(Event.Reregister))),
  );
}
