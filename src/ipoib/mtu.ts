/**
 * The MTU of an interface in datagram mode: the smallest of what the port, the broadcast group and the
 * administrator allow (Linux ipoib_change_mtu and ipoib_mcast_carrier_on_task behaviour).
 */

import { type IbMtu, ipoibMtu } from "../base/units.ts";

/** Where an MTU comes from; all in bytes of an IP packet. */
export interface MtuChain {
  readonly port: number;
  /** Absent until the broadcast group is joined. */
  readonly group: number | undefined;
  /** Absent unless the administrator asked for one. */
  readonly admin: number | undefined;
  /** What the kernel's device has now. */
  readonly device: number;
  /** The one that rules. */
  readonly binding: "port" | "group" | "admin" | "device";
}

/** The MTU that the device should have. */
export function effectiveMtu(
  port: IbMtu,
  group: IbMtu | undefined,
  admin: number | undefined,
): number {
  return Math.min(
    ipoibMtu(port),
    ipoibMtu(group ?? port),
    admin ?? Infinity,
  );
}

/** The chain, for show. */
export function mtuChain(
  port: IbMtu,
  group: IbMtu | undefined,
  admin: number | undefined,
  device: number,
): MtuChain {
  const limits = {
    admin: admin ?? Infinity,
    group: group === undefined ? Infinity : ipoibMtu(group),
    port: ipoibMtu(port),
  };
  const rules = Math.min(device, ...Object.values(limits));
  const binding = rules === limits.admin
    ? "admin"
    : rules === limits.group
    ? "group"
    : rules === limits.port
    ? "port"
    : "device";
  return {
    port: limits.port,
    group: group === undefined ? undefined : limits.group,
    admin,
    device,
    binding,
  };
}
