/** Multicast groups of the rig's subnet administrator. */

import { formatGid, gidKey } from "../../../src/wire/gid.ts";
import { broadcastMgid } from "../../../src/wire/mgid.ts";
import { MadStatus } from "../../../src/wire/mad.ts";
import {
  JoinState,
  McMask,
  McMemberRecord,
} from "../../../src/wire/sa/mc_member_record.ts";
import { Selector, selectorAllows } from "../../../src/wire/sa/selector.ts";
import { SaRefusal } from "../../../src/subnet/refusal.ts";

const QKEY = 0x0b1b;
/** The lowest multicast LID (IBTA vol. 1 4.1.3). */
const FIRST_MLID = 0xc000;
/** Join states that create a group and keep it. */
const KEEPS = JoinState.FullMember | JoinState.SendOnlyFullMember;
/** Components that a join needs to create a group. */
const CREATION = McMask.Qkey | McMask.Pkey | McMask.Tclass | McMask.Sl |
  McMask.FlowLabel;

/** Codes of MTU, rate and life time, the same for all groups and paths. */
export interface Limits {
  readonly mtu: number;
  readonly rate: number;
  /** Packet life time: 4.096 us * 2^lifetime. */
  readonly lifetime: number;
}

interface Group {
  /** Parameters of the group. */
  readonly record: McMemberRecord;
  /** True for a broadcast group, which is never deleted. */
  readonly permanent: boolean;
  /** Join state by `gidKey` of the port's GID. */
  readonly members: Map<string, { gid: Uint8Array; joinState: number }>;
}

export class Groups {
  readonly #groups = new Map<string, Group>();
  readonly #limits: Limits;
  #nextMlid: number;

  /**
   * Creates the broadcast groups of the P_Keys.
   *
   * @param firstMlid LID of the first group
   */
  constructor(
    limits: Limits,
    pkeys: readonly number[],
    firstMlid: number = FIRST_MLID,
  ) {
    this.#limits = limits;
    this.#nextMlid = firstMlid;
    for (const pkey of pkeys) {
      const mgid = broadcastMgid(pkey);
      this.#create(McMemberRecord.of({ mgid, qkey: QKEY, pkey }), true);
    }
  }

  get(mgid: Uint8Array): McMemberRecord | undefined {
    return this.#groups.get(gidKey(mgid))?.record;
  }

  /** Joins a port to a group and creates the group if needed. Throws SaRefusal. */
  join(request: McMemberRecord, mask: bigint): McMemberRecord {
    if (!has(mask, McMask.PortGid | McMask.JoinState | McMask.Mgid)) {
      throw refusal("InsufficientComponents", "a component is missing");
    }
    const existing = this.#groups.get(gidKey(request.mgid));
    if (existing && !fits(existing.record, request, mask)) {
      throw refusal("RequestInvalid", "the group has other parameters");
    }
    const { record, members } = existing ?? this.#createFor(request, mask);
    const gid = request.portGid;
    const before = members.get(gidKey(gid))?.joinState ?? 0;
    const joinState = before | request.joinState;
    members.set(gidKey(gid), { gid, joinState });
    return { ...record, portGid: gid, joinState };
  }

  /** Removes join states of a port, and the group if no full member, send-only included, is left. Throws SaRefusal. */
  leave(request: McMemberRecord): McMemberRecord {
    const key = gidKey(request.mgid);
    const group = this.#groups.get(key);
    const member = group?.members.get(gidKey(request.portGid));
    const joinState = (member?.joinState ?? 0) & request.joinState;
    if (!group || !member || joinState === 0) {
      throw refusal("RequestInvalid", "the port has no such membership");
    }
    member.joinState &= ~joinState;
    if (member.joinState === 0) group.members.delete(gidKey(request.portGid));
    const kept = [...group.members.values()]
      .some((each) => (each.joinState & KEEPS) !== 0);
    if (!group.permanent && !kept) this.#groups.delete(key);
    return { ...group.record, portGid: request.portGid, joinState };
  }

  /** Returns the first matching record: a membership if the request has a PortGID, else a group. Throws SaRefusal. */
  query(request: McMemberRecord, mask: bigint): McMemberRecord {
    for (const { record, members } of this.#groups.values()) {
      if (!fits(record, request, mask)) continue;
      if (!has(mask, McMask.PortGid)) {
        const states = [...members.values()].map((each) => each.joinState);
        const joinState = states.reduce((sum, each) => sum | each, 0);
        return { ...record, joinState };
      }
      const member = members.get(gidKey(request.portGid));
      if (!member) continue;
      return { ...record, portGid: member.gid, joinState: member.joinState };
    }
    throw refusal("NoRecords", "no group matches");
  }

  /** Returns the members' GIDs and join states by MGID. */
  toJSON(): Record<string, Record<string, number>> {
    return Object.fromEntries(
      [...this.#groups.values()].map(({ record, members }) => [
        formatGid(record.mgid),
        Object.fromEntries(
          [...members.values()].map(({ gid, joinState }) => [
            formatGid(gid),
            joinState,
          ]),
        ),
      ]),
    );
  }

  #createFor(request: McMemberRecord, mask: bigint): Group {
    if (!has(mask, CREATION)) {
      throw refusal("InsufficientComponents", "the group does not exist");
    }
    if ((request.joinState & KEEPS) === 0) {
      throw refusal("RequestInvalid", "the group does not exist");
    }
    if (request.mgid[0] !== 0xff) {
      throw refusal("InvalidGid", "the GID is not an MGID");
    }
    return this.#create({
      ...request,
      hopLimit: has(mask, McMask.HopLimit) ? request.hopLimit : 0,
    }, false);
  }

  #create(parameters: McMemberRecord, permanent: boolean): Group {
    const record = {
      ...parameters,
      ...this.#limits,
      portGid: new Uint8Array(16),
      mlid: this.#nextMlid++,
      mtuSelector: Selector.Exactly,
      rateSelector: Selector.Exactly,
      lifetimeSelector: Selector.Exactly,
      scope: parameters.mgid[1]! & 0xf,
      joinState: 0,
    };
    const group = { record, permanent, members: new Map() };
    this.#groups.set(gidKey(record.mgid), group);
    return group;
  }
}

/** True if the group's parameters match the components of the request that the mask selects. */
function fits(
  group: McMemberRecord,
  request: McMemberRecord,
  mask: bigint,
): boolean {
  const same = (
    bit: bigint,
    field: "qkey" | "mlid" | "tclass" | "sl" | "flowLabel",
  ) => !has(mask, bit) || request[field] === group[field];
  return (!has(mask, McMask.Mgid) ||
    gidKey(request.mgid) === gidKey(group.mgid)) &&
    same(McMask.Qkey, "qkey") && same(McMask.Mlid, "mlid") &&
    same(McMask.Tclass, "tclass") && same(McMask.Sl, "sl") &&
    same(McMask.FlowLabel, "flowLabel") &&
    (!has(mask, McMask.Pkey) ||
      ((request.pkey ^ group.pkey) & 0x7fff) === 0) &&
    (!has(mask, McMask.Mtu | McMask.MtuSelector) ||
      selectorAllows(request.mtuSelector, request.mtu, group.mtu)) &&
    (!has(mask, McMask.Rate | McMask.RateSelector) ||
      selectorAllows(request.rateSelector, request.rate, group.rate));
}

function refusal(status: keyof typeof MadStatus, reason: string): SaRefusal {
  return new SaRefusal(MadStatus[status], reason);
}

function has(mask: bigint, bits: bigint): boolean {
  return (mask & bits) === bits;
}
