/**
 * MTU of an interface. In datagram mode it is the minimum of the limits of port, broadcast group and administrator, and in
 * connected mode 65,520 or that of the administrator (as in Linux ipoib_change_mtu, ipoib_mcast_carrier_on_task,
 * ipoib_set_mode).
 */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { explain, type Logger } from "../base/log.ts";
import {
  CONNECTED_MTU,
  type IbMtu,
  ipoibMtu,
  MIN_DATAGRAM_MTU,
  MIN_DEVICE_MTU,
} from "../base/units.ts";
import type { Netdev } from "../netdev/netdev.ts";
import type { Mode } from "./connected/connected_mode.ts";
import type { InterfaceEvents } from "./interface_events.ts";

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
  readonly binding: "port" | "group" | "mode" | "admin" | "device";
}

/** Dependencies of a {@linkcode InterfaceMtu}. */
export interface MtuParts {
  readonly netdev: Pick<Netdev, "adopted" | "config" | "setMtu">;
  readonly port: {
    readonly attributes: { readonly activeMtu: IbMtu; readonly maxMtu: IbMtu };
  };
  /** Returns the IB MTU of the broadcast group, or undefined until it is joined. */
  readonly group: () => IbMtu | undefined;
  readonly mode: () => Mode;
  readonly log: Logger;
  readonly events: InterfaceEvents;
}

/** Sets the MTU of the network device, and follows changes of it by others. */
export class InterfaceMtu {
  /** Called after this object has set the MTU of the network device. */
  onSet: () => void = () => {};
  readonly #parts: MtuParts;
  #admin: number | undefined;
  /** See {@linkcode MtuChain.refused}. */
  #refused: number | undefined;
  /** MTU of the broadcast group when it was last joined. */
  #joined: number | undefined;
  /** Last MTU of the network device, reported by it or set by this object. */
  #seen: number;
  /** Last MTU that this object set on the network device. */
  #own = 0;

  /** @param admin MTU set by the administrator, in bytes */
  constructor(parts: MtuParts, admin: number | undefined) {
    this.#parts = parts;
    this.#admin = admin;
    this.#seen = parts.netdev.config.mtu;
    // An adopted device keeps its MTU until the broadcast group is joined, so that it does not change twice.
    if (parts.netdev.adopted) this.#own = this.#seen;
    else this.#apply();
  }

  /**
   * Sets the administrator's MTU in bytes; the port or the group may limit the effective MTU. Throws `E_MTU` (EINVAL)
   * if it is out of range (as in Linux ipoib_change_mtu).
   */
  set(mtu: number): void {
    this.#setAdmin(mtu);
    this.#apply();
  }

  #setAdmin(mtu: number): void {
    const { netdev, port, mode } = this.#parts;
    const connected = this.#isConnected;
    const min = connected ? MIN_DEVICE_MTU : MIN_DATAGRAM_MTU;
    const max = connected ? CONNECTED_MTU : ipoibMtu(port.attributes.maxMtu);
    if (mtu < min || mtu > max) {
      throw new IpoibError(
        "E_MTU",
        `MTU ${mtu} of ${netdev.config.name} is out of range in ${mode()} mode`,
        { errno: Errno.EINVAL, hint: `use ${min} to ${max}` },
      );
    }
    this.#admin = mtu;
    this.#refused = undefined;
  }

  /** Applies a new mode: 65,520 for connected mode, else at most the MTU of the broadcast group. */
  onMode(): void {
    const { mtu } = this.#parts.netdev.config;
    this.#admin = !this.#isConnected && mtu < this.datagram ? mtu : undefined;
    this.#refused = undefined;
    this.#apply();
  }

  /** MTU set by the administrator, in bytes; undefined if there is none. */
  get admin(): number | undefined {
    return this.#admin;
  }

  /** Maximum length of an IP packet on the UD queue pair, in bytes. */
  get datagram(): number {
    const { port, group } = this.chain;
    return Math.min(port, group ?? Infinity);
  }

  /** Applies the MTU of the broadcast group. Called after each join of it. */
  onJoin(): void {
    // As in Linux ipoib_mcast_join_finish: an MTU equal to that of the group follows the group.
    if (!this.#isConnected && this.#admin === this.#joined) {
      this.#admin = undefined;
    }
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
    const before = this.#seen;
    const changed = mtu !== before;
    this.#seen = mtu;
    if (!changed || mtu === this.#own) return;
    this.#record(before, mtu, "set on the device");
    try {
      this.#setAdmin(mtu);
    } catch (error) {
      const { message, hint } = IpoibError.from(error);
      this.#refused = mtu;
      if (this.#tryToApply()) {
        log.warn(`${message}: set back to ${this.#own}; ${hint}`);
      }
      return;
    }
    if (!this.#tryToApply() || this.#own === mtu) return;
    const limit = this.chain.binding === "group" ? "broadcast group" : "port";
    log.warn(`MTU ${mtu} is limited to ${this.#own} by that of the ${limit}`);
  }

  /** All limits, and the binding one. */
  get chain(): MtuChain {
    const group = this.#parts.group();
    const { activeMtu, maxMtu } = this.#parts.port.attributes;
    const device = this.#parts.netdev.config.mtu;
    const connected = this.#isConnected;
    const groupMtu = group === undefined ? undefined : ipoibMtu(group);
    // Until the link starts, the maximum of the port, as in Linux ipoib_ndo_init.
    const portMtu = ipoibMtu(group === undefined ? maxMtu : activeMtu);
    const limits = {
      admin: this.#admin ?? Infinity,
      mode: connected ? CONNECTED_MTU : Infinity,
      group: connected ? Infinity : groupMtu ?? Infinity,
      port: connected ? Infinity : portMtu,
    };
    const rules = Math.min(device, ...Object.values(limits));
    const binding = rules === limits.admin
      ? "admin"
      : rules === limits.mode
      ? "mode"
      : rules === limits.group
      ? "group"
      : rules === limits.port
      ? "port"
      : "device";
    return {
      port: portMtu,
      group: groupMtu,
      admin: this.#admin,
      refused: this.#refused,
      device,
      binding,
    };
  }

  get #isConnected(): boolean {
    return this.#parts.mode() === "connected";
  }

  #apply(): void {
    const { admin, device } = this.chain;
    const most = this.#isConnected ? CONNECTED_MTU : this.datagram;
    const mtu = Math.min(most, admin ?? Infinity);
    this.#own = mtu;
    explain(this.#parts.log, () => {
      const { port, group = "unknown", admin = "unset", binding } = this.chain;
      return `MTU ${mtu} in ${this.#parts.mode()} mode (port ${port}, group ${group}, admin ${admin}; limited by: ${binding})`;
    });
    if (mtu === device) return;
    this.#parts.netdev.setMtu(mtu);
    // The kernel's event of this change has nothing new, so that `follow` is not called for it.
    this.#seen = mtu;
    this.#record(device, mtu, this.#limitText(mtu));
    this.onSet();
  }

  /** Returns false, and logs the reason, if the kernel refuses: the device has vanished or moved, and reports that. */
  #tryToApply(): boolean {
    try {
      this.#apply();
      return true;
    } catch (error) {
      this.#parts.log.warn(IpoibError.from(error).message);
      return false;
    }
  }

  /** Returns why the device has this MTU now. */
  #limitText(mtu: number): string {
    const { admin, group, port } = this.chain;
    if (this.#refused !== undefined) return `${this.#refused} is out of range`;
    if (mtu === admin) return "set by the administrator";
    if (this.#isConnected) return "that of connected mode";
    return mtu === group
      ? `limited by the broadcast group (${group})`
      : `limited by the port (${port})`;
  }

  #record(before: number, after: number, cause: string): void {
    const { netdev, events } = this.#parts;
    events.add("link", "mtu", () => ({
      subject: netdev.config.name,
      old: `${before}`,
      new: `${after}`,
      cause,
    }));
  }
}
