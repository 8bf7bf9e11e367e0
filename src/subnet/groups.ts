/**
 * Multicast groups: MGID, MLID, parameters and members.
 *
 * A group exists while it has a full or a send-only full member (join states 1 and 8). The permanent groups, which the
 * partitions define, also exist without members. MLIDs are allocated in ascending order from 0xc000 and reused as late
 * as possible. After a takeover, a group gets the MLID that it had under the previous manager if that MLID is free.
 */

import { gidKey } from "../wire/gid.ts";
import { FIRST_MLID, LAST_MLID } from "../wire/lrh.ts";
import { JoinState } from "../wire/sa/mc_member_record.ts";
import type { SubnetPort } from "./ports.ts";

/** Bytes 2 and 3 of the MGIDs that the administrator generates. */
export const SA_SIGNATURE = 0xa01b;
/** Join states that keep a group alive. */
const KEEPS_ALIVE = JoinState.FullMember | JoinState.SendOnlyFullMember;
/** Join states that receive the group's packets. */
const RECEIVES = JoinState.FullMember | JoinState.NonMember;

/** Parameters of a group. They apply to all its members and packets. */
export interface GroupParameters {
  /** 16 bytes. */
  readonly mgid: Uint8Array;
  readonly pkey: number;
  readonly qkey: number;
  /** MTU code. */
  readonly mtu: number;
  /** Rate code. */
  readonly rate: number;
  /** Packet life time: 4.096 us times 2 to this power. */
  readonly lifetime: number;
  readonly sl: number;
  readonly flowLabel: number;
  readonly hopLimit: number;
  readonly tclass: number;
  /** Scope and JoinState of the record that created the group, used to match queries. The MGID's scope may differ. */
  readonly scope: number;
  readonly joinState: number;
}

export interface GroupMember {
  readonly port: SubnetPort;
  /** Bits of {@linkcode JoinState}. */
  joinState: number;
  /** True if another port joined on behalf of this one. */
  readonly proxyJoin: boolean;
}

export interface SubnetGroup extends GroupParameters {
  /** `gidKey` of the MGID. */
  readonly key: string;
  readonly mlid: number;
  /** True if the group exists without members. */
  readonly permanent: boolean;
  /** By port GUID. */
  readonly members: ReadonlyMap<bigint, GroupMember>;
}

interface OwnGroup extends SubnetGroup {
  mlid: number;
  permanent: boolean;
  readonly members: Map<bigint, GroupMember>;
}

/** Callbacks for changes of groups. */
export interface GroupListener {
  groupCreated(group: SubnetGroup): void;
  /** The set of receivers changed, or the MLID changed from `oldMlid`. */
  groupChanged(group: SubnetGroup, oldMlid?: number): void;
  groupDeleted(group: SubnetGroup): void;
}

/** The groups of a subnet. */
export class SubnetGroups {
  readonly #groups = new Map<string, OwnGroup>();
  readonly #mlids = new Set<number>();
  /** MLIDs under the previous manager, by `gidKey`. */
  readonly #remembered = new Map<string, number>();
  /** Number of groups that a port is a member of, by port GUID. */
  readonly #counts = new Map<bigint, number>();
  readonly #listener: GroupListener;
  #nextMlid: number = FIRST_MLID;

  constructor(listener: GroupListener) {
    this.#listener = listener;
  }

  /** Reserves an MLID for the group with this `gidKey`, which had it under the previous manager. */
  remember(key: string, mlid: number): void {
    this.#remembered.set(key, mlid);
  }

  [Symbol.iterator](): IterableIterator<SubnetGroup> {
    return this.#groups.values();
  }

  get(mgid: Uint8Array): SubnetGroup | undefined {
    return this.#groups.get(gidKey(mgid));
  }

  /** Number of groups that a port is a member of. */
  countOf(port: SubnetPort): number {
    return this.#counts.get(port.guid) ?? 0;
  }

  /**
   * Creates a group that does not exist yet. Its MLID is the first of these that is free: `options.mlid`, the MLID that
   * the group had under the previous manager, the next MLID. Returns undefined if no MLID is free.
   */
  create(
    parameters: GroupParameters,
    options: { permanent?: boolean; mlid?: number } = {},
  ): SubnetGroup | undefined {
    const key = gidKey(parameters.mgid);
    const mlid = this.#allocateMlid(
      options.mlid ?? 0,
      this.#remembered.get(key) ?? 0,
    );
    if (mlid === undefined) return undefined;
    const group: OwnGroup = {
      ...parameters,
      mgid: parameters.mgid.slice(),
      key,
      mlid,
      permanent: options.permanent ?? false,
      members: new Map(),
    };
    this.#groups.set(key, group);
    this.#mlids.add(mlid);
    this.#listener.groupCreated(group);
    return group;
  }

  /** Sets whether a group exists without members. Deletes a group that is not permanent and has no full member. */
  setPermanent(group: SubnetGroup, permanent: boolean): void {
    const own = this.#groups.get(group.key)!;
    own.permanent = permanent;
    this.#deleteIfUnused(own);
  }

  /** Changes the MLID of a group. Does nothing if the group has members or if the MLID is in use or invalid. */
  moveEmpty(group: SubnetGroup, mlid: number): void {
    const own = this.#groups.get(group.key)!;
    if (own.members.size > 0 || this.#mlids.has(mlid)) return;
    if (mlid < FIRST_MLID || mlid > LAST_MLID) return;
    const old = own.mlid;
    this.#mlids.delete(old);
    this.#mlids.add(mlid);
    own.mlid = mlid;
    this.#listener.groupChanged(own, old);
  }

  /** Adds join states to a port's membership. */
  join(
    group: SubnetGroup,
    port: SubnetPort,
    joinState: number,
    proxyJoin = false,
  ): GroupMember {
    const own = this.#groups.get(group.key)!;
    const member = own.members.get(port.guid) ??
      { port, joinState: 0, proxyJoin };
    const before = member.joinState;
    member.joinState |= joinState;
    if (!own.members.has(port.guid)) {
      own.members.set(port.guid, member);
      this.#counts.set(port.guid, this.countOf(port) + 1);
    }
    if (receives(before) !== receives(member.joinState)) {
      this.#listener.groupChanged(own);
    }
    return member;
  }

  /** Removes join states from a port's membership; returns the remaining join states. */
  leave(group: SubnetGroup, port: SubnetPort, joinState: number): number {
    const own = this.#groups.get(group.key)!;
    const member = own.members.get(port.guid);
    if (member === undefined) return 0;
    const before = member.joinState;
    member.joinState &= ~joinState;
    // If no full member is left, the port's other join states end too, even in a permanent group.
    if (!this.#keptAlive(own)) member.joinState = 0;
    if (member.joinState === 0) this.#removeMember(own, port.guid);
    if (this.#deleteIfUnused(own)) return 0;
    if (receives(before) !== receives(member.joinState)) {
      this.#listener.groupChanged(own);
    }
    return member.joinState;
  }

  /** Removes a port from all groups. */
  removePort(port: SubnetPort): void {
    for (const group of [...this.#groups.values()]) {
      if (group.members.has(port.guid)) this.leave(group, port, 0xf);
    }
  }

  #deleteIfUnused(group: OwnGroup): boolean {
    if (group.permanent || this.#keptAlive(group)) return false;
    for (const guid of [...group.members.keys()]) {
      this.#removeMember(group, guid);
    }
    this.#groups.delete(group.key);
    this.#mlids.delete(group.mlid);
    this.#listener.groupDeleted(group);
    return true;
  }

  #removeMember(group: OwnGroup, guid: bigint): void {
    group.members.delete(guid);
    const left = this.#counts.get(guid)! - 1;
    if (left > 0) this.#counts.set(guid, left);
    else this.#counts.delete(guid);
  }

  #keptAlive(group: SubnetGroup): boolean {
    for (const { joinState } of group.members.values()) {
      if ((joinState & KEEPS_ALIVE) !== 0) return true;
    }
    return false;
  }

  #allocateMlid(...preferred: number[]): number | undefined {
    for (const mlid of preferred) {
      if (
        mlid >= FIRST_MLID && mlid <= LAST_MLID && !this.#mlids.has(mlid)
      ) return mlid;
    }
    const reserved = new Set(this.#remembered.values());
    const count = LAST_MLID - FIRST_MLID + 1;
    // The second pass uses reserved MLIDs, if no other MLID is free.
    for (const skipReserved of [true, false]) {
      for (let i = 0; i < count; i++) {
        const mlid = this.#nextMlid;
        this.#nextMlid = mlid === LAST_MLID ? FIRST_MLID : mlid + 1;
        if (this.#mlids.has(mlid)) continue;
        if (!skipReserved || !reserved.has(mlid)) return mlid;
      }
    }
    return undefined;
  }
}

function receives(joinState: number): boolean {
  return (joinState & RECEIVES) !== 0;
}

/** Returns the LIDs of the ports that receive a group's packets, in ascending order. */
export function receivers(group: SubnetGroup): number[] {
  const lids: number[] = [];
  for (const member of group.members.values()) {
    if (receives(member.joinState)) lids.push(member.port.lid);
  }
  return lids.sort((a, b) => a - b);
}
