/**
 * The group memberships of a port, derived from the SA MADs that pass through it: joins from the administrator's
 * responses, leaves from the port's requests.
 *
 * When the manager dies, the port passes them to the next manager, so that groups keep their multicast LIDs, as they do
 * in the switches of a real fabric.
 */

import { MAX_GROUPS_PER_PORT } from "../../subnet/constants.ts";
import type { Membership } from "../../subnet/messages.ts";
import { gidEquals, gidKey } from "../../wire/gid.ts";
import { type MadAddress, Method } from "../../wire/mad.ts";
import { McMemberRecord } from "../../wire/sa/mc_member_record.ts";
import { SaAttribute, SaMad } from "../../wire/sa/sa_mad.ts";
import type { PortAttributes } from "../port_attributes.ts";

/** The memberships of one port: at most {@linkcode MAX_GROUPS_PER_PORT}. One more replaces the oldest. */
export class JoinedGroups {
  readonly #groups = new Map<string, Membership>();

  /** Records the membership if `mad`, received by `port`, is the manager's successful response to its join. */
  received(
    mad: Uint8Array,
    from: MadAddress,
    { gid, smLid }: Pick<PortAttributes, "gid" | "smLid">,
  ): void {
    if (from.lid !== smLid) return;
    const record = memberRecord(mad, Method.GetResp);
    if (!record || record.joinState === 0) return;
    if (!gidEquals(record.portGid, gid)) return;
    const mgid = gidKey(record.mgid);
    const { mlid, joinState, pkey, qkey, mtu, rate } = record;
    const { sl, flowLabel, hopLimit, tclass } = record;
    this.#groups.delete(mgid);
    this.#groups.set(mgid, {
      ...{ mgid, mlid, joinState, pkey, qkey, mtu, rate },
      ...{ sl, flowLabel, hopLimit, tclass },
    });
    if (this.#groups.size > MAX_GROUPS_PER_PORT) {
      const [oldest] = this.#groups.keys();
      this.#groups.delete(oldest!);
    }
  }

  /** Removes the join states that `mad`, sent by the port, leaves. Other MADs have no effect. */
  sent(mad: Uint8Array): void {
    const record = memberRecord(mad, Method.Delete);
    if (!record) return;
    const mgid = gidKey(record.mgid);
    const known = this.#groups.get(mgid);
    if (!known) return;
    const joinState = known.joinState & ~record.joinState;
    if (joinState) this.#groups.set(mgid, { ...known, joinState });
    else this.#groups.delete(mgid);
  }

  /** Returns the current memberships. */
  list(): Membership[] {
    return [...this.#groups.values()];
  }
}

function memberRecord(
  mad: Uint8Array,
  method: number,
): McMemberRecord | undefined {
  const message = SaMad.parse(mad);
  return message?.method === method && message.status === 0 &&
      message.attributeId === SaAttribute.McMemberRecord
    ? McMemberRecord.parse(message.data)
    : undefined;
}
