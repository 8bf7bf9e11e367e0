/**
 * Restores the subnet of a previous manager from the last forwarding tables and port settings of the new manager's host,
 * and from the memberships that ports report when they register again.
 *
 * A port keeps the P_Key indexes of its previous table, so that active queue pairs stay in their partition.
 * Groups keep the MLIDs that packets already carry, so that traffic continues until the port has joined again, which a
 * client reregister event requests. Memberships are restored only in the first {@linkcode RESERVATION_MS} of a manager,
 * and only of ports that the previous manager had. A manager without the previous state restores those of every port.
 */

import { formatGuid, hex } from "../base/hex.ts";
import { ibMtuBytes, type Millis } from "../base/units.ts";
import { formatGid } from "../wire/gid.ts";
import { PACKET_LIFETIME_EXPONENT } from "../wire/sa/path_record.ts";
import { rateMbps } from "../base/rates.ts";
import type { LastKnown, Membership } from "./messages.ts";
import { hasPkey, updatedPkeyTable } from "./partitions.ts";
import type { PortSetting } from "./port_settings.ts";
import { RESERVATION_MS, type SubnetPort } from "./ports.ts";
import { gidFromKey } from "./protocol.ts";
import { MAX_GROUPS_PER_PORT } from "./constants.ts";
import type { Subnet } from "./subnet.ts";

/** The restoration of a previous manager's subnet. */
export class Takeover {
  readonly #subnet: Subnet;
  /** GUIDs of the previous manager's ports; undefined if they are unknown. */
  readonly #expected: ReadonlySet<bigint> | undefined;
  readonly #until: Millis;
  /** P_Key tables and settings of ports that have not registered again. */
  readonly #tables = new Map<bigint, readonly number[]>();
  readonly #settings = new Map<bigint, PortSetting>();

  /** Reserves LIDs and GUIDs for the ports of `previous` for {@linkcode RESERVATION_MS}, and MLIDs for its groups. */
  constructor(subnet: Subnet, previous: LastKnown | undefined, now: Millis) {
    this.#subnet = subnet;
    this.#until = now + RESERVATION_MS;
    if (!previous) return;
    const ports = [...previous.settings, ...previous.ports]
      .map((port) => ({ ...port, guid: BigInt(port.guid) }));
    // A port that is down does not know the others.
    if (previous.ports.length > 0) {
      this.#expected = new Set(ports.map(({ guid }) => guid));
    }
    for (const { guid, pkeys } of ports) this.#tables.set(guid, pkeys);
    for (const setting of previous.settings) {
      this.#settings.set(BigInt(setting.guid), setting);
    }
    subnet.ports.reserve(ports, this.#until);
    for (const { mgid, mlid } of previous.groups) {
      subnet.groups.remember(mgid, mlid);
    }
  }

  /** Settings of ports that have not registered again. */
  get settings(): Iterable<PortSetting> {
    return this.#settings.values();
  }

  /** The time at which {@linkcode takeExpired} must be called; Infinity if all settings are restored. */
  get expiresAt(): Millis {
    return this.#settings.size > 0 ? this.#until : Infinity;
  }

  /** Removes and returns the settings of ports that have not registered in time. */
  takeExpired(now: Millis): PortSetting[] {
    if (now < this.#until) return [];
    const expired = [...this.#settings.values()];
    this.#settings.clear();
    return expired;
  }

  /** Restores the P_Key table and the state of a port that has just registered, before its welcome. */
  restorePort(port: SubnetPort, now: Millis): void {
    if (now >= this.#until) return;
    const { ports } = this.#subnet;
    const setting = this.#settings.get(port.guid);
    const table = this.#tables.get(port.guid);
    this.#settings.delete(port.guid);
    this.#tables.delete(port.guid);
    if (setting?.ownPkeys) ports.setPkeys(port, setting.pkeys, true);
    else if (table) {
      ports.setPkeys(port, updatedPkeyTable(table, port.pkeys), false);
    }
    if (setting?.down) ports.setActive(port, false);
  }

  /**
   * Restores the valid memberships of a port, and logs each invalid one. Does nothing after {@linkcode RESERVATION_MS},
   * for a port that the previous manager did not have, and for a port that is down.
   */
  restore(
    port: SubnetPort,
    memberships: readonly Membership[],
    now: Millis,
  ): void {
    if (now >= this.#until || this.#expected?.has(port.guid) === false) return;
    if (!port.active) return;
    for (const membership of memberships) {
      const reason = restore(this.#subnet, port, membership);
      if (reason === undefined) continue;
      const mgid = formatGid(gidFromKey(membership.mgid));
      this.#subnet.log(
        "warning",
        `Membership of ${
          formatGuid(port.guid)
        } in ${mgid} not restored: ${reason}`,
      );
    }
  }
}

function restore(
  subnet: Subnet,
  port: SubnetPort,
  membership: Membership,
): string | undefined {
  const { mlid, pkey, qkey, mtu, rate, sl, flowLabel, hopLimit, tclass } =
    membership;
  if (!hasPkey(port.pkeys, pkey)) {
    return `the port is not in partition ${hex(pkey)}`;
  }
  const mgid = gidFromKey(membership.mgid);
  let group = subnet.groups.get(mgid);
  if (subnet.groups.countOf(port) >= MAX_GROUPS_PER_PORT) {
    return `the port is a member of ${MAX_GROUPS_PER_PORT} groups, the maximum`;
  }
  if (group === undefined) {
    if (ibMtuBytes(mtu) === undefined || mtu > subnet.mtuCode) {
      return `MTU code ${mtu} is undefined or more than the subnet's`;
    }
    if (rateMbps(rate) === undefined) {
      return `rate code ${rate} is not defined`;
    }
    group = subnet.groups.create({
      mgid,
      pkey,
      qkey,
      mtu,
      rate,
      lifetime: PACKET_LIFETIME_EXPONENT,
      sl,
      flowLabel,
      hopLimit,
      tclass,
      // IPoIB does not specify the scope when it creates a group.
      scope: 0,
      joinState: membership.joinState,
    }, { mlid });
    if (group === undefined) return "no multicast LID is free";
  }
  if (((group.pkey ^ pkey) & 0x7fff) !== 0) {
    return `the group has P_Key ${hex(group.pkey)}`;
  }
  subnet.groups.moveEmpty(group, mlid);
  subnet.groups.join(group, port, membership.joinState);
  return undefined;
}
