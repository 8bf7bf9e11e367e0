/**
 * MTU of an interface in datagram mode: the minimum of the limits of port, broadcast group and administrator (as in
 * Linux ipoib_change_mtu and ipoib_mcast_carrier_on_task).
 */

import { type IbMtu, ipoibMtu } from "../base/units.ts";

/** The limits on the MTU, in bytes of an IP packet. */
export interface MtuChain {
  readonly port: number;
  /** Undefined until the broadcast group is joined. */
  readonly group: number | undefined;
  /** Undefined unless the administrator has set an MTU. */
  readonly admin: number | undefined;
  /** Current MTU of the network device. */
  readonly device: number;
  /** The lowest limit. */
  readonly binding: "port" | "group" | "admin" | "device";
}

/** Returns the MTU to set on the network device, in bytes. */
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

/** Returns all limits and the binding one, for display. `device` is the network device's MTU in bytes. */
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
