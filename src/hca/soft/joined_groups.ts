/**
 * The group memberships of a port, derived from the SA MADs that pass through it: joins from the administrator's
 * responses to the port's requests, leaves from the port's requests.
 *
 * When the manager dies, the port passes them to the next manager, so that groups keep their multicast LIDs, as they do
 * in the switches of a real fabric.
 */

import { MAX_GROUPS_PER_PORT } from "../../subnet/constants.ts";
import type { Membership } from "../../subnet/messages.ts";
import { gidEquals, gidKey } from "../../wire/gid.ts";
import { type MadAddress, MadStatus, Method } from "../../wire/mad.ts";
import { McMemberRecord } from "../../wire/sa/mc_member_record.ts";
import { SaAttribute, SaMad } from "../../wire/sa/sa_mad.ts";
import type { PortAttributes } from "../port_attributes.ts";

/** The port whose memberships are recorded. */
type Port = Pick<PortAttributes, "gid" | "smLid">;

/** A join without a response. */
interface PendingJoin {
  readonly mgid: string;
  /** Join states that the port has left since its last transmission of the join. */
  left: number;
}

/** The memberships of one port: at most {@linkcode MAX_GROUPS_PER_PORT}. One more replaces the oldest. */
export class JoinedGroups {
  readonly #groups = new Map<string, Membership>();
  /** By TransactionID, at most {@linkcode MAX_GROUPS_PER_PORT}. */
  readonly #joins = new Map<bigint, PendingJoin>();

  /** Records the membership if `mad`, received by `port`, is the manager's successful response to a pending join. */
  received(mad: Uint8Array, from: MadAddress, { gid, smLid }: Port): void {
    if (from.lid !== smLid) return;
    const message = memberMad(mad);
    if (message?.method !== Method.GetResp) return;
    const join = this.#joins.get(message.transactionId);
    this.#joins.delete(message.transactionId);
    const record = McMemberRecord.parse(message.data);
    if (
      !join || !record || message.status !== MadStatus.Ok ||
      gidKey(record.mgid) !== join.mgid || !gidEquals(record.portGid, gid)
    ) return;
    const joinState = record.joinState & ~join.left;
    if (joinState === 0) return;
    const { mgid } = join;
    const { mlid, pkey, qkey, mtu, rate } = record;
    const { sl, flowLabel, hopLimit, tclass } = record;
    this.#groups.delete(mgid);
    this.#groups.set(mgid, {
      ...{ mgid, mlid, joinState, pkey, qkey, mtu, rate },
      ...{ sl, flowLabel, hopLimit, tclass },
    });
    limit(this.#groups);
  }

  /** Handles a MAD that `port` sends: a join of its own is pending then, and a leave removes its join states. */
  sent(mad: Uint8Array, { gid }: Port): void {
    const message = memberMad(mad);
    if (message?.method !== Method.Set && message?.method !== Method.Delete) {
      return;
    }
    const record = McMemberRecord.parse(message.data);
    if (!record || !gidEquals(record.portGid, gid)) return;
    const mgid = gidKey(record.mgid);
    if (message.method === Method.Set) {
      this.#joins.set(message.transactionId, { mgid, left: 0 });
      limit(this.#joins);
    } else this.#leave(mgid, record.joinState);
  }

  /** Forgets all memberships and pending joins, which end when the port goes down. */
  clear(): void {
    this.#groups.clear();
    this.#joins.clear();
  }

  /** Returns the current memberships. */
  list(): Membership[] {
    return [...this.#groups.values()];
  }

  #leave(mgid: string, left: number): void {
    for (const join of this.#joins.values()) {
      if (join.mgid === mgid) join.left |= left;
    }
    const known = this.#groups.get(mgid);
    if (!known) return;
    const joinState = known.joinState & ~left;
    if (joinState) this.#groups.set(mgid, { ...known, joinState });
    else this.#groups.delete(mgid);
  }
}

function memberMad(mad: Uint8Array): SaMad | undefined {
  const message = SaMad.parse(mad);
  return message?.attributeId === SaAttribute.McMemberRecord
    ? message
    : undefined;
}

/** Deletes the oldest entry of a map that has more than {@linkcode MAX_GROUPS_PER_PORT}. */
function limit<Key>(entries: Map<Key, unknown>): void {
  if (entries.size <= MAX_GROUPS_PER_PORT) return;
  const [oldest] = entries.keys();
  entries.delete(oldest!);
}
