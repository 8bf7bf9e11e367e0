/**
 * Multicast groups: MGID, MLID, parameters and members.
 *
 * A group lives as long as a member keeps it alive (join states 1 and 8), or for ever if it was created with
 * the subnet (the broadcast groups). MLIDs are given in ascending order from 0xc000 and reused as late as
 * possible. A manager that takes over remembers which MGID had which MLID.
 */

import { gidKey } from "../wire/gid.ts";
import { FIRST_MLID, LAST_MLID } from "../wire/lrh.ts";
import { JoinState } from "../wire/sa/mc_member_record.ts";
import type { SubnetPort } from "./ports.ts";

/** Bytes 2 and 3 of MGIDs that an administrator makes up. */
export const SA_SIGNATURE = 0xa01b;
/** Join states that keep a group alive. */
const KEEPS_ALIVE = JoinState.FullMember | JoinState.SendOnlyFullMember;
/** Join states that get the group's packets. */
const RECEIVES = JoinState.FullMember | JoinState.NonMember;

/** What all packets and members of a group have in common. */
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
  /** Scope and JoinState of the record that created it, which answers and queries go by; the MGID may say otherwise. */
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
  /** True if it exists without members. */
  readonly permanent: boolean;
  /** By port GUID. */
  readonly members: ReadonlyMap<bigint, GroupMember>;
}

interface OwnGroup extends SubnetGroup {
  mlid: number;
  permanent: boolean;
  readonly members: Map<bigint, GroupMember>;
}

/** Told of every change. */
export interface GroupListener {
  groupCreated(group: SubnetGroup): void;
  /** Receivers came or went, or the MLID changed from `oldMlid`. */
  groupChanged(group: SubnetGroup, oldMlid?: number): void;
  groupDeleted(group: SubnetGroup): void;
}

export class SubnetGroups {
  readonly #groups = new Map<string, OwnGroup>();
  readonly #mlids = new Set<number>();
  readonly #remembered = new Map<string, number>();
  /** By port GUID: the groups that it is a member of. */
  readonly #counts = new Map<bigint, number>();
  readonly #listener: GroupListener;
  #nextMlid: number = FIRST_MLID;

  constructor(listener: GroupListener) {
    this.#listener = listener;
  }

  /** Remembers the MLID that a group (by `gidKey`) had under the manager before. */
  remember(key: string, mlid: number): void {
    this.#remembered.set(key, mlid);
  }

  [Symbol.iterator](): IterableIterator<SubnetGroup> {
    return this.#groups.values();
  }

  get(mgid: Uint8Array): SubnetGroup | undefined {
    return this.#groups.get(gidKey(mgid));
  }

  /** How many groups a port is a member of. */
  countOf(port: SubnetPort): number {
    return this.#counts.get(port.guid) ?? 0;
  }

  /** Creates a group that does not exist yet, with the MLID asked for if that is free; undefined if none is left. */
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

  /** Makes a group one that exists without members, or lets it go when nobody keeps it alive. */
  setPermanent(group: SubnetGroup, permanent: boolean): void {
    const own = this.#groups.get(group.key)!;
    own.permanent = permanent;
    this.#deleteIfUnused(own);
  }

  /** Gives a group without members another MLID, if that is free. */
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

  /** Takes join states from a port's membership; returns those that are left. */
  leave(group: SubnetGroup, port: SubnetPort, joinState: number): number {
    const own = this.#groups.get(group.key)!;
    const member = own.members.get(port.guid);
    if (member === undefined) return 0;
    const before = member.joinState;
    member.joinState &= ~joinState;
    // Who stays only as a non-member goes with the last that kept the group, even if the group stays.
    if (!this.#keptAlive(own)) member.joinState = 0;
    if (member.joinState === 0) this.#removeMember(own, port.guid);
    if (this.#deleteIfUnused(own)) return 0;
    if (receives(before) !== receives(member.joinState)) {
      this.#listener.groupChanged(own);
    }
    return member.joinState;
  }

  /** Takes a port out of all groups. */
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

  #allocateMlid(...wishes: number[]): number | undefined {
    for (const mlid of wishes) {
      if (
        mlid >= FIRST_MLID && mlid <= LAST_MLID && !this.#mlids.has(mlid)
      ) return mlid;
    }
    const promised = new Set(this.#remembered.values());
    const count = LAST_MLID - FIRST_MLID + 1;
    for (const respect of [true, false]) {
      for (let i = 0; i < count; i++) {
        const mlid = this.#nextMlid;
        this.#nextMlid = mlid === LAST_MLID ? FIRST_MLID : mlid + 1;
        if (this.#mlids.has(mlid) || (respect && promised.has(mlid))) continue;
        return mlid;
      }
    }
    return undefined;
  }
}

function receives(joinState: number): boolean {
  return (joinState & RECEIVES) !== 0;
}

/** LIDs of the ports that get a group's packets, ascending. */
export function receivers(group: SubnetGroup): number[] {
  const lids: number[] = [];
  for (const member of group.members.values()) {
    if (receives(member.joinState)) lids.push(member.port.lid);
  }
  return lids.sort((a, b) => a - b);
}
