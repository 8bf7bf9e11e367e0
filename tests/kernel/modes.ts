/** The mode of interfaces of ib_ipoib. */

import type { Guest } from "../../scripts/rig/guest.ts";

export type Mode = "datagram" | "connected";

/** Sets the mode of ib0 of ib_ipoib; connected mode sets the MTU to the maximum itself. */
export function kernelMode(guest: Guest, mode: Mode): Promise<string> {
  return guest.must(`echo ${mode} > /sys/class/net/ib0/mode`);
}
