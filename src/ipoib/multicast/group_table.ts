/**
 * The multicast groups of an interface and the task that joins them (Linux ipoib_multicast.c behaviour).
 *
 * The broadcast group comes first; nothing else is joined until it is joined and attached, because its record says
 * with which Q_Key, MTU, rate and service level every other group of the link is joined (RFC 4391 section 5 and 10).
 * Groups that the kernel is a member of are joined as full member; a group that is only sent to is joined
 * with the first packet (JoinState 8, as Linux does) and left when it was idle for a minute.
 */

import { IpoibError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Millis } from "../../base/units.ts";
import type { AddressHandle } from "../../hca/hca.ts";
import { formatGid, gidKey } from "../../wire/gid.ts";
import {
  broadcastJoin,
  groupJoin,
  groupLeave,
  type MembershipRequest,
} from "../../sa/requests.ts";
import {
  JoinState,
  type McMemberRecord,
} from "../../wire/sa/mc_member_record.ts";
import {
  IDLE_MS,
  MAX_LOGGED_FAILURES,
  REAP_INTERVAL_MS,
} from "../constants.ts";
import type { WaitingPacket } from "../packet_queue.ts";
import { backOff, resetBackOff } from "./back_off.ts";
import { Group } from "./group.ts";

/** What the administrator answers to a join. */
export type JoinAnswer = { record: McMemberRecord } | {
  /** MAD status; 0 if no answer came. */
  status: number;
  errno: number;
};

const ETIMEDOUT = 110;
const EINVAL = 22;
const EAGAIN = 11;

/** What the table asks its interface to do. */
export interface GroupHost {
  readonly portGid: Uint8Array;
  /** With the full-member bit. */
  readonly pkey: number;
  /** Joins; returns how to give up. */
  join(
    request: MembershipRequest,
    now: Millis,
    done: (answer: JoinAnswer) => void,
  ): () => void;
  leave(request: MembershipRequest, now: Millis): void;
  attach(mgid: Uint8Array, mlid: number): void;
  detach(mgid: Uint8Array, mlid: number): void;
  createHandle(record: McMemberRecord): AddressHandle;
  /** The broadcast group is joined: its record has the link's Q_Key and MTU. */
  onBroadcast(record: McMemberRecord): void;
  sendWaiting(group: Group, packets: WaitingPacket[]): void;
  dropWaiting(group: Group, packets: WaitingPacket[]): void;
  /** Cached references to groups are no longer good. */
  onRemoved(): void;
  scheduleTick(when: Millis): void;
  now(): Millis;
}

export class GroupTable {
  readonly #host: GroupHost;
  readonly #log: Logger;
  readonly #groups = new Map<string, Group>();
  #broadcast: Group | undefined;
  #nextReap = Infinity;

  constructor(host: GroupHost, log: Logger) {
    this.#host = host;
    this.#log = log;
  }

  /** The broadcast group, once {@linkcode start} was called. */
  get broadcast(): Group | undefined {
    return this.#broadcast;
  }

  /** True once the broadcast group is joined and attached. */
  get ready(): boolean {
    return this.#broadcast?.ah !== undefined;
  }

  entries(): Group[] {
    return [...this.#groups.values()];
  }

  /** Begins with the broadcast group of the link. */
  start(broadcastMgid: Uint8Array, now: Millis): void {
    this.stop(now);
    const group = new Group(broadcastMgid, false, now);
    this.#broadcast = group;
    this.#groups.set(gidKey(broadcastMgid), group);
    this.#nextReap = now + REAP_INTERVAL_MS;
    this.#join(group, now);
    this.#schedule();
  }

  /** Leaves everything. */
  stop(now: Millis): void {
    for (const group of this.entries().reverse()) this.#remove(group, now);
    this.#broadcast = undefined;
    this.#nextReap = Infinity;
    this.#schedule();
  }

  /**
   * Joins all groups anew, refused ones too, and uses them meanwhile (client reregister). The broadcast group first:
   * the others are joined with what it has then, which another subnet manager may have changed.
   */
  rejoin(now: Millis): void {
    if (!this.#broadcast) return;
    for (const group of this.#groups.values()) {
      if (group.progress === "idle") continue;
      resetBackOff(group);
      group.stale = group !== this.#broadcast;
    }
    this.#join(this.#broadcast, now);
    this.#schedule();
  }

  /** The kernel is a member of exactly these groups. */
  setWanted(mgids: readonly Uint8Array[], now: Millis): void {
    if (!this.#broadcast) return;
    const wanted = new Map(mgids.map((mgid) => [gidKey(mgid), mgid]));
    for (const [key, group] of [...this.#groups]) {
      if (group === this.#broadcast) continue;
      // A group that was only sent to and is now wanted is joined anew as full member.
      if (group.sendOnly === wanted.has(key)) this.#remove(group, now);
    }
    for (const [key, mgid] of wanted) {
      if (this.#groups.has(key)) continue;
      const group = new Group(mgid, false, now);
      this.#groups.set(key, group);
      if (this.ready) this.#join(group, now);
    }
    this.#schedule();
  }

  /** The group to send to; one that nobody has asked for yet becomes a send-only group. */
  toSend(mgid: Uint8Array, now: Millis): Group | undefined {
    if (!this.ready) return undefined;
    const key = gidKey(mgid);
    let group = this.#groups.get(key);
    if (!group) {
      group = new Group(mgid, true, now);
      this.#groups.set(key, group);
    }
    return group;
  }

  /** Keeps a packet until the group is joined; false if too many wait. */
  enqueue(group: Group, packet: WaitingPacket, now: Millis): boolean {
    const taken = group.queue.push(packet);
    group.usedAt = now;
    if (group.progress === "idle") this.#join(group, now);
    return taken;
  }

  /** Runs what is due. */
  tick(now: Millis): void {
    for (const group of this.entries()) {
      const due = group.progress === "waiting" && group.retryAt <= now;
      if (due && (group === this.#broadcast || this.ready)) {
        this.#join(group, now);
      }
    }
    if (this.#nextReap <= now) {
      this.#nextReap = now + REAP_INTERVAL_MS;
      for (const group of this.entries()) {
        if (group.sendOnly && now - group.usedAt >= IDLE_MS) {
          this.#remove(group, now);
        }
      }
    }
    this.#schedule();
  }

  #join(group: Group, now: Millis): void {
    group.cancel?.();
    group.progress = "joining";
    group.stale = false;
    group.retryAt = Infinity;
    group.cancel = this.#host.join(this.#request(group), now, (answer) => {
      group.cancel = undefined;
      const present = this.#groups.get(gidKey(group.mgid));
      if (present !== group) {
        if (!present && "record" in answer) {
          this.#leave(group, this.#host.now());
        }
        return;
      }
      if ("record" in answer) this.#joined(group, answer.record);
      else this.#failed(group, answer.errno, answer.status);
      this.#schedule();
    });
  }

  #request(group: Group): MembershipRequest {
    const { portGid, pkey } = this.#host;
    const link = this.#broadcast?.record;
    return group === this.#broadcast || !link
      ? broadcastJoin(group.mgid, portGid, pkey)
      : groupJoin(group.mgid, portGid, link, joinStateOf(group));
  }

  #joined(group: Group, record: McMemberRecord): void {
    try {
      this.#use(group, record);
    } catch (error) {
      // The device has no room for the group, say: as good as a refusal (Linux ipoib_mcast_join_finish behaviour).
      const { message, errno } = IpoibError.from(error);
      this.#log.debug(message);
      this.#failed(group, errno ?? EINVAL, 0);
      return;
    }
    group.progress = "joined";
    group.failure = undefined;
    resetBackOff(group);
    if (group === this.#broadcast) {
      this.#host.onBroadcast(record);
      this.#joinTheRest();
    }
    const waiting = group.queue.take();
    if (waiting.length) this.#host.sendWaiting(group, waiting);
  }

  /** Attaches to what the record says and makes the handle for it. */
  #use(group: Group, record: McMemberRecord): void {
    const before = group.record;
    if (group.attached && before && before.mlid !== record.mlid) {
      this.#host.detach(group.mgid, before.mlid);
      group.attached = false;
    }
    group.record = record;
    if (!group.sendOnly && !group.attached) {
      this.#host.attach(group.mgid, record.mlid);
      group.attached = true;
    }
    const old = group.ah;
    group.ah = this.#host.createHandle({ ...record, mgid: group.mgid });
    old?.destroy();
  }

  /** Groups that waited for the broadcast group. */
  #joinTheRest(): void {
    const now = this.#host.now();
    for (const group of this.entries()) {
      const waits = group.progress === "idle" && !group.sendOnly;
      if (waits || group.stale) this.#join(group, now);
    }
  }

  #failed(group: Group, errno: number, status: number): void {
    const now = this.#host.now();
    group.failure = errno;
    group.failureStatus = status;
    group.failures++;
    this.#report(group, errno);
    if (group.sendOnly && group.failures >= 2) {
      group.progress = "idle";
      resetBackOff(group);
      // A membership of before a reregister has ended with the refusal.
      group.ah?.destroy();
      group.ah = undefined;
      this.#host.dropWaiting(group, group.queue.take());
      return;
    }
    group.progress = "waiting";
    backOff(group, now);
  }

  /** The driver's words, at most twenty times; what is to be expected is for debugging only. */
  #report(group: Group, errno: number): void {
    if (group.logged >= MAX_LOGGED_FAILURES) return;
    const expected = group.sendOnly && errno === EINVAL;
    if (!expected) group.logged++;
    const text = `${
      group.sendOnly ? "sendonly " : ""
    }multicast join failed for ${formatGid(group.mgid)}, status -${errno}`;
    if (expected || errno === ETIMEDOUT || errno === EAGAIN) {
      this.#log.debug(text);
    } else this.#log.warn(text);
  }

  #remove(group: Group, now: Millis): void {
    // A join that is under way goes on: if it succeeds, it is left then.
    this.#groups.delete(gidKey(group.mgid));
    if (group.attached && group.record) {
      this.#host.detach(group.mgid, group.record.mlid);
      group.attached = false;
    }
    if (group.record) this.#leave(group, now);
    group.ah?.destroy();
    group.ah = undefined;
    this.#host.dropWaiting(group, group.queue.take());
    this.#host.onRemoved();
  }

  #leave(group: Group, now: Millis): void {
    const { portGid } = this.#host;
    this.#host.leave(
      groupLeave(group.mgid, portGid, joinStateOf(group)),
      now,
    );
  }

  #schedule(): void {
    let first = this.#nextReap;
    for (const group of this.#groups.values()) {
      if (group.progress === "waiting") first = Math.min(first, group.retryAt);
    }
    this.#host.scheduleTick(first);
  }
}

function joinStateOf(group: Group): number {
  return group.sendOnly ? JoinState.SendOnlyFullMember : JoinState.FullMember;
}
