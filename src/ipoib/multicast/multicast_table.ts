/**
 * The multicast groups of an interface and the task that joins them (Linux ipoib_multicast.c behaviour).
 *
 * The broadcast group comes first; nothing else is joined until it is joined and attached, because its record says
 * with which Q_Key, MTU, rate and service level every other group of the link is joined (RFC 4391 section 5 and 10).
 * Groups that the kernel is a member of are joined as full member; a group that is only sent to is joined
 * with the first packet (JoinState 8, as Linux does) and left when it was idle for a minute.
 *
 * The number of groups is bounded (group_limit.ts), and whether the port is still a member of them is checked
 * (membership_checks.ts).
 */

import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Millis } from "../../base/units.ts";
import type { UdQp } from "../../hca/hca.ts";
import type { SaResult } from "../../sa/result.ts";
import type { Timer } from "../../system/reactor.ts";
import { EthernetKind } from "../../wire/ethernet.ts";
import { gidKey } from "../../wire/gid.ts";
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
import { DEFAULT_MAX_GROUPS, IDLE_MS, REAP_INTERVAL_MS } from "../constants.ts";
import type { EngineContext } from "../context.ts";
import type { Destination } from "../egress.ts";
import type { LinkIdentity } from "../link_identity.ts";
import type { UdSender } from "../ud_sender.ts";
import { Wait, type WaitingTable } from "../wait.ts";
import {
  GroupRoute,
  handleAttributes,
  MulticastGroup,
} from "./multicast_group.ts";
import { GroupLimit } from "./group_limit.ts";
import { logFailure, logLoss } from "./join_log.ts";
import { MembershipChecks } from "./membership_checks.ts";

/** What the table works with. */
export interface GroupTableParts {
  readonly context: EngineContext;
  readonly sender: UdSender;
  readonly identity: LinkIdentity;
  readonly log: Logger;
}

export class MulticastTable implements WaitingTable<Uint8Array> {
  /** The queue pair that is attached to the groups; absent while there is none. */
  qp: UdQp | undefined;
  /** Called when the broadcast group is joined: its record has the link's Q_Key and MTU. */
  onBroadcast: (record: McMemberRecord) => void = () => {};
  /** Called when a join ended, one way or the other. */
  onJoin: () => void = () => {};
  /** Called when a group went: references to it are no longer good. */
  onRemoved: () => void = () => {};
  /** Where packets go for whose group there is no place. */
  readonly refused: Destination;
  readonly #parts: GroupTableParts;
  readonly #groups = new Map<string, MulticastGroup>();
  readonly #checks: MembershipChecks;
  readonly #limit: GroupLimit;
  readonly #timer: Timer;
  #broadcast: MulticastGroup | undefined;
  #nextReap = Infinity;

  constructor(parts: GroupTableParts) {
    this.#parts = parts;
    this.refused = {
      kind: EthernetKind.Multicast,
      egress: { send: (slot) => parts.sender.drop(slot, "tx_group_limit") },
    };
    this.#timer = parts.context.reactor.timer((now) => this.tick(now));
    const { context, sender, identity, log } = parts;
    const groups = this.#groups;
    this.#checks = new MembershipChecks({
      ...{ memberships: context.memberships, groups },
      portGid: () => identity.gid,
      onLost: (group) => this.#onLost(group),
    });
    this.#limit = new GroupLimit({
      ...{ groups, statistics: sender.statistics, log },
      maxGroups: context.maxGroups ?? DEFAULT_MAX_GROUPS,
      remove: (group, now) => this.#remove(group, now),
    });
  }

  /** The broadcast group, once {@linkcode start} was called. */
  get broadcast(): MulticastGroup | undefined {
    return this.#broadcast;
  }

  /** True once the broadcast group is joined and attached. */
  get ready(): boolean {
    return this.#broadcast?.ah !== undefined;
  }

  entries(): MulticastGroup[] {
    return [...this.#groups.values()];
  }

  /** Begins with the broadcast group of the link. */
  start(broadcastMgid: Uint8Array, now: Millis): void {
    this.stop(now);
    const group = this.#make(broadcastMgid, EthernetKind.Broadcast, false, now);
    this.#broadcast = group;
    this.#groups.set(gidKey(broadcastMgid), group);
    this.#nextReap = now + REAP_INTERVAL_MS;
    this.#join(group, now);
    this.#schedule();
  }

  /** Leaves everything. */
  stop(now: Millis): void {
    this.#checks.stop();
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
      group.resetBackOff();
      group.stale = group !== this.#broadcast;
    }
    this.#join(this.#broadcast, now);
    this.#schedule();
  }

  /** Finds out whether the port is still a member of all groups: another program on it may have left some. */
  checkMemberships(now: Millis): void {
    this.#checks.hurry(now);
    this.#schedule();
  }

  /** The kernel is a member of exactly these groups, and of so many others for which there is no place (wanted_groups.ts). */
  setWanted(
    mgids: readonly Uint8Array[],
    unjoined: number,
    now: Millis,
  ): void {
    if (!this.#broadcast) return;
    const wanted = new Map(mgids.map((mgid) => [gidKey(mgid), mgid]));
    for (const [key, group] of [...this.#groups]) {
      if (group === this.#broadcast) continue;
      // A group that was only sent to and is now wanted is joined anew as full member.
      if (group.sendOnly === wanted.has(key)) this.#remove(group, now);
    }
    for (const [key, mgid] of wanted) {
      if (this.#groups.has(key)) continue;
      this.#limit.admitMember(now);
      const group = this.#make(mgid, EthernetKind.Multicast, false, now);
      this.#groups.set(key, group);
      if (this.ready) this.#join(group, now);
    }
    this.#limit.reportUnjoined(unjoined);
    this.#schedule();
  }

  /**
   * Where packets to this group go. A group that nobody has asked for yet becomes a send-only group, if there is a place for
   * it; else {@linkcode refused}.
   */
  toSend(mgid: Uint8Array): Destination | undefined {
    return this.ready ? this.#sendOnly(mgid) ?? this.refused : undefined;
  }

  /** The group, made if need be; undefined if there is no place for it. */
  #sendOnly(mgid: Uint8Array): MulticastGroup | undefined {
    const key = gidKey(mgid);
    let group = this.#groups.get(key);
    if (!group) {
      const now = this.#now();
      if (!this.#limit.admitsSender(now)) return undefined;
      group = this.#make(mgid, EthernetKind.Multicast, true, now);
      this.#groups.set(key, group);
    }
    return group;
  }

  /** Keeps a packet until the group is joined, which begins now if it has not. */
  wait(mgid: Uint8Array, slot: number, length: number): void {
    const group = this.ready ? this.#sendOnly(mgid) : undefined;
    if (!group) {
      this.#parts.sender.drop(
        slot,
        this.ready ? "tx_group_limit" : "tx_link_down",
      );
      return;
    }
    const now = this.#now();
    group.queue.push(slot, length);
    group.usedAt = now;
    if (group.progress === "idle") this.#join(group, now);
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
    this.#checks.run(now, () => this.#schedule());
    this.#schedule();
  }

  #onLost(group: MulticastGroup): void {
    const { sender, log } = this.#parts;
    sender.statistics.tables.add("memberships_lost");
    logLoss(log, group);
    this.#join(group, this.#now());
  }

  #join(group: MulticastGroup, now: Millis): void {
    group.cancel?.();
    group.progress = "joining";
    group.stale = false;
    group.retryAt = Infinity;
    const { memberships } = this.#parts.context;
    const handle = memberships.join(
      this,
      this.#request(group),
      now,
      (answer) => {
        this.#onAnswer(group, answer);
        this.onJoin();
      },
    );
    group.cancel = () => handle.cancel();
  }

  #onAnswer(group: MulticastGroup, answer: SaResult<McMemberRecord>): void {
    group.cancel = undefined;
    if (answer.ok) this.#joined(group, answer.record);
    else this.#failed(group, answer.errno, answer.status);
    this.#schedule();
  }

  #request(group: MulticastGroup): MembershipRequest {
    const { gid, pkey } = this.#parts.identity;
    const link = this.#broadcast?.record;
    return group === this.#broadcast || !link
      ? broadcastJoin(group.mgid, gid, pkey)
      : groupJoin(group.mgid, gid, link, joinStateOf(group));
  }

  #joined(group: MulticastGroup, record: McMemberRecord): void {
    try {
      this.#use(group, record);
    } catch (error) {
      // The device has no room for the group, say: as good as a refusal (Linux ipoib_mcast_join_finish behaviour).
      const { message, errno } = IpoibError.from(error);
      this.#parts.log.debug(message);
      this.#failed(group, errno ?? Errno.EINVAL, 0);
      return;
    }
    group.progress = "joined";
    group.failure = undefined;
    group.resetBackOff();
    this.#checks.begin(group, this.#now());
    if (group === this.#broadcast) {
      this.onBroadcast(record);
      this.#joinTheRest();
    }
    group.queue.sendTo(group);
  }

  /** Attaches to what the record says and makes the handle for it. */
  #use(group: MulticastGroup, record: McMemberRecord): void {
    const before = group.record;
    if (group.attached && before && before.mlid !== record.mlid) {
      this.qp?.detachMulticast(group.mgid, before.mlid);
      group.attached = false;
    }
    group.record = record;
    if (!group.sendOnly && !group.attached) {
      this.qp?.attachMulticast(group.mgid, record.mlid);
      group.attached = true;
    }
    const old = group.ah;
    const ah = this.#parts.context.port.createAddressHandle(
      handleAttributes(group.mgid, record),
    );
    group.ah = ah;
    group.egress = new GroupRoute(this.#parts.sender, group, ah);
    old?.destroy();
  }

  #dropHandle(group: MulticastGroup): void {
    group.ah?.destroy();
    group.ah = undefined;
    group.egress = new Wait(this, group.mgid);
  }

  /** Groups that waited for the broadcast group. */
  #joinTheRest(): void {
    const now = this.#now();
    for (const group of this.entries()) {
      const waits = group.progress === "idle" && !group.sendOnly;
      if (waits || group.stale) this.#join(group, now);
    }
  }

  #failed(group: MulticastGroup, errno: number, status: number): void {
    const now = this.#now();
    group.failure = errno;
    group.failureStatus = status;
    group.failures++;
    logFailure(this.#parts.log, group, errno);
    if (group.sendOnly && group.failures >= 2) {
      group.progress = "idle";
      group.resetBackOff();
      // A membership of before a reregister has ended with the refusal.
      this.#dropHandle(group);
      group.queue.drop("tx_group_failed");
      return;
    }
    group.progress = "waiting";
    group.backOff(now);
  }

  #remove(group: MulticastGroup, now: Millis): void {
    this.#groups.delete(gidKey(group.mgid));
    const joining = group.cancel !== undefined;
    group.cancel?.();
    group.cancel = undefined;
    if (group.attached && group.record) {
      this.qp?.detachMulticast(group.mgid, group.record.mlid);
      group.attached = false;
    }
    // The administrator may have carried out a join whose answer has not come.
    if (group.record || joining) this.#leave(group, now);
    this.#dropHandle(group);
    group.queue.drop("tx_group_failed");
    this.onRemoved();
  }

  #leave(group: MulticastGroup, now: Millis): void {
    const { context: { memberships }, identity } = this.#parts;
    const request = groupLeave(group.mgid, identity.gid, joinStateOf(group));
    memberships.leave(this, request, now);
  }

  #make(
    mgid: Uint8Array,
    kind: EthernetKind,
    sendOnly: boolean,
    now: Millis,
  ): MulticastGroup {
    const { sender } = this.#parts;
    const waiting = new Wait(this, mgid);
    return new MulticastGroup(mgid, { kind, sendOnly, sender, waiting, now });
  }

  #now(): Millis {
    return this.#parts.context.reactor.clock.now();
  }

  close(): void {
    this.#timer.close();
  }

  #schedule(): void {
    let first = Math.min(this.#nextReap, this.#checks.deadline);
    for (const group of this.#groups.values()) {
      if (group.progress === "waiting") first = Math.min(first, group.retryAt);
    }
    this.#timer.at(first);
  }
}

function joinStateOf(group: MulticastGroup): number {
  return group.sendOnly ? JoinState.SendOnlyFullMember : JoinState.FullMember;
}
