/**
 * Restores the subnet of a previous manager from the last forwarding tables of the new manager's host, and from the
 * memberships that ports report when they register again.
 *
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
import { hasPkey } from "./partitions.ts";
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

  /** Reserves LIDs and GUIDs for the ports of `previous` for {@linkcode RESERVATION_MS}, and MLIDs for its groups. */
  constructor(subnet: Subnet, previous: LastKnown | undefined, now: Millis) {
    this.#subnet = subnet;
    this.#until = now + RESERVATION_MS;
    if (!previous) return;
    const ports = previous.ports
      .map(({ lid, guid }) => ({ lid, guid: BigInt(guid) }));
    this.#expected = new Set(ports.map(({ guid }) => guid));
    subnet.ports.reserve(ports, this.#until);
    for (const { mgid, mlid } of previous.groups) {
      subnet.groups.remember(mgid, mlid);
    }
  }

  /**
   * Restores the valid memberships of a port, and logs each invalid one. Does nothing after {@linkcode RESERVATION_MS},
   * and for a port that the previous manager did not have.
   */
  restore(
    port: SubnetPort,
    memberships: readonly Membership[],
    now: Millis,
  ): void {
    if (now >= this.#until || this.#expected?.has(port.guid) === false) return;
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
