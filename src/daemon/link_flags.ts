/** Flags and operational state of a link, as iproute2 prints them. */

import type { IpoibInterface } from "../ipoib/interface.ts";
import type { DeviceStatus } from "../netdev/netdev.ts";
import { Iff } from "../netdev/rtnetlink/link_message.ts";

/** Names of the flags, in the order of iproute2. */
const NAMES: readonly (readonly [bit: number, name: string])[] = [
  [Iff.Loopback, "LOOPBACK"],
  [Iff.Broadcast, "BROADCAST"],
  [Iff.PointToPoint, "POINTOPOINT"],
  [Iff.Multicast, "MULTICAST"],
  [Iff.NoArp, "NOARP"],
  [Iff.AllMulti, "ALLMULTI"],
  [Iff.Promisc, "PROMISC"],
  [Iff.Master, "MASTER"],
  [Iff.Slave, "SLAVE"],
  [Iff.Debug, "DEBUG"],
  [Iff.Dynamic, "DYNAMIC"],
  [Iff.Up, "UP"],
  [Iff.LowerUp, "LOWER_UP"],
];

/** IF_OPER_ states (RFC 2863) that the state of the link does not determine. */
const KERNEL_STATES: Record<number, string> = { 4: "TESTING", 5: "DORMANT" };

/**
 * Returns the operational state, with LOWERLAYERDOWN for a child whose parent has no carrier (Linux link_watch.c), for
 * which the kernel shows DOWN because it does not know the parent of a TAP. Before Linux 6.9 the kernel reports a change
 * of carrier with a delay, so the state of the link determines UP and DOWN.
 */
export function operstate(
  iface: IpoibInterface,
  parent: IpoibInterface,
  { operState }: DeviceStatus,
): string {
  if (!iface.netdev.config.up) return "DOWN";
  if (iface.carrier) return KERNEL_STATES[operState] ?? "UP";
  return iface === parent || parent.carrier ? "DOWN" : "LOWERLAYERDOWN";
}

/** Returns the flags. M-DOWN marks a child whose parent is administratively down. */
export function flagNames(
  iface: IpoibInterface,
  parent: IpoibInterface,
  status: DeviceStatus,
): string[] {
  const { up } = iface.netdev.config;
  const running = operstate(iface, parent, status) === "UP";
  return [
    ...(up && !running ? ["NO-CARRIER"] : []),
    ...NAMES.flatMap(([bit, name]) => (status.flags & bit) === 0 ? [] : [name]),
    ...(iface !== parent && !parent.netdev.config.up ? ["M-DOWN"] : []),
  ];
}
