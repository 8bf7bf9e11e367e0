/**
 * MTU of an interface in datagram mode: the minimum of the limits of port, broadcast group and administrator (as in
 * Linux ipoib_change_mtu and ipoib_mcast_carrier_on_task).
 */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { type IbMtu, ipoibMtu } from "../base/units.ts";
import { MIN_DATAGRAM_MTU } from "./constants.ts";

/** The limits on the MTU, in bytes of an IP packet. */
export interface MtuChain {
  readonly port: number;
  /** Undefined until the broadcast group is joined. */
  readonly group: number | undefined;
  /** Undefined unless the administrator has set an MTU. */
  readonly admin: number | undefined;
  /** The last MTU that was set on the network device, if it was refused. */
  readonly refused: number | undefined;
  /** Current MTU of the network device. */
  readonly device: number;
  /** The lowest limit. */
  readonly binding: "port" | "group" | "admin" | "device";
}

/**
 * Throws `E_MTU` (EINVAL) if `mtu`, in bytes, is not valid in datagram mode on a port with this maximum MTU (Linux
 * ipoib_change_mtu).
 */
export function checkMtu(name: string, mtu: number, portMax: IbMtu): void {
  const max = ipoibMtu(portMax);
  if (mtu >= MIN_DATAGRAM_MTU && mtu <= max) return;
  throw new IpoibError(
    "E_MTU",
    `MTU ${mtu} of ${name} is out of range in datagram mode`,
    { errno: Errno.EINVAL, hint: `use ${MIN_DATAGRAM_MTU} to ${max}` },
  );
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

/** Returns all limits in bytes, and the binding one, for display. `port` and `group` are IB MTUs. */
export function mtuChain(
  { port, group, admin, refused, device }: {
    port: IbMtu;
    group: IbMtu | undefined;
    admin: number | undefined;
    refused: number | undefined;
    device: number;
  },
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
    refused,
    device,
    binding,
  };
}
