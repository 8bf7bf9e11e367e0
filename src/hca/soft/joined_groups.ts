/**
 * The group memberships of a port, read off the MADs that pass: joins as the administrator answers them, leaves
 * as they are sent.
 *
 * A port brings them to the next manager when this one dies, so that groups keep their multicast LIDs: what a
 * real fabric keeps in its switches.
 */

import type { Membership } from "../../subnet/messages.ts";

import { gidEquals, gidKey } from "../../wire/gid.ts";
import { Method } from "../../wire/mad.ts";
import { McMemberRecord } from "../../wire/sa/mc_member_record.ts";
import { SaAttribute, SaMad } from "../../wire/sa/sa_mad.ts";

export class JoinedGroups {
  readonly #groups = new Map<string, Membership>();

  /** Looks at a MAD that arrived at the port with this GID. */
  received(mad: Uint8Array, gid: Uint8Array): void {
    const record = memberRecord(mad, Method.GetResp);
    if (!record || record.joinState === 0) return;
    if (!gidEquals(record.portGid, gid)) return;
    const mgid = gidKey(record.mgid);
    const { mlid, joinState, pkey, qkey, mtu, rate } = record;
    const { sl, flowLabel, hopLimit, tclass } = record;
    this.#groups.set(mgid, {
      ...{ mgid, mlid, joinState, pkey, qkey, mtu, rate },
      ...{ sl, flowLabel, hopLimit, tclass },
    });
  }

  /** Looks at a MAD that the port sends. */
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
