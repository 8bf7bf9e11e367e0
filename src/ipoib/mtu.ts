/**
 * MTU of an interface in datagram mode: the minimum of the limits of port, broadcast group and administrator (as in
 * Linux ipoib_change_mtu and ipoib_mcast_carrier_on_task).
 */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { type IbMtu, ipoibMtu } from "../base/units.ts";
import type { Netdev } from "../netdev/netdev.ts";
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

/** Dependencies of a {@linkcode InterfaceMtu}. */
export interface MtuParts {
  readonly netdev: Pick<Netdev, "config" | "setMtu">;
  readonly port: {
    readonly attributes: { readonly activeMtu: IbMtu; readonly maxMtu: IbMtu };
  };
  /** Returns the IB MTU of the broadcast group, or undefined until it is joined. */
  readonly group: () => IbMtu | undefined;
  readonly log: Logger;
}

/** Sets the MTU of the network device, and follows changes of it by others. */
export class InterfaceMtu {
  readonly #parts: MtuParts;
  #admin: number | undefined;
  /** See {@linkcode MtuChain.refused}. */
  #refused: number | undefined;
  /** MTU of the broadcast group when it was last joined. */
  #joined: number | undefined;
  /** Last MTU of the network device. */
  #seen: number;
  /** Last MTU that this object set on the network device. */
  #own = 0;

  /** @param admin MTU set by the administrator, in bytes */
  constructor(parts: MtuParts, admin: number | undefined) {
    this.#parts = parts;
    this.#admin = admin;
    this.#seen = parts.netdev.config.mtu;
    this.#apply();
  }

  /**
   * Sets the administrator's MTU in bytes; the port or the group may limit the effective MTU. Throws `E_MTU` (EINVAL)
   * if it is out of range (as in Linux ipoib_change_mtu).
   */
  set(mtu: number): void {
    const { netdev, port } = this.#parts;
    const max = ipoibMtu(port.attributes.maxMtu);
    if (mtu < MIN_DATAGRAM_MTU || mtu > max) {
      throw new IpoibError(
        "E_MTU",
        `MTU ${mtu} of ${netdev.config.name} is out of range in datagram mode`,
        { errno: Errno.EINVAL, hint: `use ${MIN_DATAGRAM_MTU} to ${max}` },
      );
    }
    this.#admin = mtu;
    this.#refused = undefined;
    this.#apply();
  }

  /** Applies the MTU of the broadcast group. Called after each join of it. */
  onJoin(): void {
    // As in Linux ipoib_mcast_join_finish: an MTU equal to that of the group follows the group.
    if (this.#admin === this.#joined) this.#admin = undefined;
    this.#joined = this.chain.group;
    this.#apply();
  }

  /**
   * Handles a new MTU of the network device that this object has not set, as ib_ipoib handles it: one that is out of
   * range is refused, any other is stored as the administrator's and limited. The kernel has already told the user that
   * the change succeeded, so a refused or limited one is logged, and shown by `link show`.
   */
  follow(): void {
    const { netdev: { config }, log } = this.#parts;
    const { mtu } = config;
    const changed = mtu !== this.#seen;
    this.#seen = mtu;
    if (!changed || mtu === this.#own) return;
    try {
      this.set(mtu);
    } catch (error) {
      const { message, hint } = IpoibError.from(error);
      this.#refused = mtu;
      this.#apply();
      log.warn(`${message}: set back to ${this.#own}; ${hint}`);
      return;
    }
    if (this.#own === mtu) return;
    const limit = this.chain.binding === "group" ? "broadcast group" : "port";
    log.warn(`MTU ${mtu} is limited to ${this.#own} by that of the ${limit}`);
  }

  /** All limits, and the binding one. */
  get chain(): MtuChain {
    const group = this.#parts.group();
    const { activeMtu, maxMtu } = this.#parts.port.attributes;
    const device = this.#parts.netdev.config.mtu;
    const limits = {
      admin: this.#admin ?? Infinity,
      group: group === undefined ? Infinity : ipoibMtu(group),
      // Until the link starts, the maximum of the port, as in Linux ipoib_ndo_init.
      port: ipoibMtu(group === undefined ? maxMtu : activeMtu),
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
      admin: this.#admin,
      refused: this.#refused,
      device,
      binding,
    };
  }

  #apply(): void {
    const { port, group, admin, device } = this.chain;
    const mtu = Math.min(port, group ?? Infinity, admin ?? Infinity);
    this.#own = mtu;
    if (mtu !== device) this.#parts.netdev.setMtu(mtu);
  }
}
