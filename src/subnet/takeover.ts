/**
 * What a new manager makes of the subnet that the old one left: the forwarding tables that its host still
 * had, and the group memberships that ports bring along when they register again.
 *
 * Groups come back with the MLIDs that packets already carry, so that traffic goes on while the port joins
 * again (a client reregister makes it do so). A port is believed for {@linkcode RESERVATION_MS} only, and only if the host
 * knew it.
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

export class Takeover {
  readonly #subnet: Subnet;
  /** GUIDs of the ports under the manager before; undefined if nothing is known of them. */
  readonly #expected: ReadonlySet<bigint> | undefined;
  readonly #until: Millis;

  /** Keeps LIDs and GUIDs for the ports of `previous` for a while, and MLIDs for its groups. */
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

  /** Restores the memberships that are possible; each other one costs a line in the log. */
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
        `Membership of ${formatGuid(port.guid)} in ${mgid}: ${reason}`,
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
    return `a port may be in ${MAX_GROUPS_PER_PORT} groups`;
  }
  if (group === undefined) {
    if (ibMtuBytes(mtu) === undefined || mtu > subnet.mtuCode) {
      return `MTU code ${mtu} is not possible`;
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
      // IPoIB leaves the scope out when it creates a group.
      scope: 0,
      joinState: membership.joinState,
    }, { mlid });
    if (group === undefined) return "no multicast LID is left";
  }
  if (((group.pkey ^ pkey) & 0x7fff) !== 0) {
    return `the group has P_Key ${hex(group.pkey)} now`;
  }
  subnet.groups.moveEmpty(group, mlid);
  subnet.groups.join(group, port, membership.joinState);
  return undefined;
}
