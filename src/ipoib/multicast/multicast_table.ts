/**
 * The multicast groups of an interface and the state machine that joins them (as in Linux ipoib_multicast.c).
 *
 * The broadcast group is joined and attached first: every other group of the link is joined with the Q_Key, MTU, rate
 * and service level of its record (RFC 4391 sections 5 and 10). The kernel's groups are joined as full member. A
 * group to which the interface only sends is joined at the first packet (JoinState 8, as in Linux) and left after at
 * least one minute without packets.
 *
 * The number of groups is limited (group_limit.ts). Memberships are checked periodically (membership_checks.ts).
 */

import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import { hex } from "../../base/hex.ts";
import type { Logger } from "../../base/log.ts";
import { formatRate } from "../../base/rates.ts";
import { formatMtuCode, type Millis } from "../../base/units.ts";
import type { UdQp } from "../../hca/hca.ts";
import type { SaFailure, SaResult } from "../../sa/result.ts";
import type { Timer } from "../../system/reactor.ts";
import { EthernetKind } from "../../wire/ethernet.ts";
import { formatGid, gidKey } from "../../wire/gid.ts";
import { formatMadStatus } from "../../wire/mad.ts";
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
import type { DebugLog } from "../debug_log.ts";
import type { IpDestination } from "../egress.ts";
import type { InterfaceEvents } from "../interface_events.ts";
import type { LinkIdentity } from "../link_identity.ts";
import type { PacketSender } from "../packet_sender.ts";
import { WaitingEgress, type WaitingTable } from "../waiting_egress.ts";
import {
  GroupRoute,
  handleAttributes,
  MulticastGroup,
} from "./multicast_group.ts";
import { ForeignGroups } from "./foreign_groups.ts";
import { GroupEvents } from "./group_events.ts";
import { GroupLimit } from "./group_limit.ts";
import { JoinInquiries } from "./join_inquiries.ts";
import { logFailure, logLoss } from "./join_log.ts";
import { MembershipChecks } from "./membership_checks.ts";
import { ReceivedGroups } from "./received_groups.ts";

/** Dependencies of a {@linkcode MulticastTable}. */
export interface GroupTableParts {
  readonly context: EngineContext;
  readonly sender: PacketSender;
  readonly identity: LinkIdentity;
  readonly log: Logger;
  readonly debug: DebugLog;
  readonly events: InterfaceEvents;
}

/** Why a group is left when the kernel has left it, and a send-only group when the kernel joins it. */
const LEFT = "the kernel has left the group";
const MEMBER = "the kernel has joined: joining as full member";

export class MulticastTable implements WaitingTable<Uint8Array> {
  /** Queue pair to attach to the groups; undefined while the interface has none. */
  qp: UdQp | undefined;
  /**
   * Called after each join of the broadcast group. The record contains the link's Q_Key and MTU. May throw if the device
   * refuses them: the join has then failed.
   */
  onBroadcast: (record: McMemberRecord) => void = () => {};
  /** Called after each join and each membership check, when the reason of a failure is known. */
  onMembership: () => void = () => {};
  /** Called after a group is removed. References to it must be dropped. */
  onRemoved: () => void = () => {};
  /** Destination of packets to groups over the limit: drops and counts them. */
  readonly refused: IpDestination;
  /** The groups by the destinations of received packets. */
  readonly received: ReceivedGroups;
  readonly #parts: GroupTableParts;
  readonly #groups = new Map<string, MulticastGroup>();
  readonly #checks: MembershipChecks;
  readonly #foreign: ForeignGroups;
  readonly #inquiries: JoinInquiries;
  readonly #limit: GroupLimit;
  readonly #events: GroupEvents;
  readonly #timer: Timer;
  #broadcast: MulticastGroup | undefined;
  #nextReap = Infinity;

  constructor(parts: GroupTableParts) {
    this.#parts = parts;
    this.refused = {
      kind: EthernetKind.Multicast,
      egress: {
        send: (slot, length) =>
          parts.sender.drop(slot, length, "tx_group_limit"),
      },
      usedAt: 0,
    };
    this.#timer = parts.context.reactor.timer((now) => this.tick(now));
    const { context, sender, identity, log } = parts;
    this.#events = new GroupEvents(parts.events);
    const groups = this.#groups;
    const broadcast = () => this.#broadcast;
    this.received = new ReceivedGroups(broadcast, groups);
    this.#checks = new MembershipChecks({
      ...{ memberships: context.memberships, groups },
      portGid: () => identity.gid,
      debug: parts.debug,
      onLost: (group, mlid) => this.#onLost(group, mlid),
    });
    this.#foreign = new ForeignGroups({
      ...{ memberships: context.memberships, port: context.port },
      debug: parts.debug,
      portGid: () => identity.gid,
      onFree: (mgid, now) => this.#joinWanted(mgid, now),
    });
    this.#inquiries = new JoinInquiries({
      ...{ sa: context.sa, port: context.port, identity },
      onEnd: (group) => this.#reportFailure(group),
    });
    this.#limit = new GroupLimit({
      ...{ groups, statistics: sender.statistics, log },
      maxGroups: context.maxGroups ?? DEFAULT_MAX_GROUPS,
      remove: (group, now) =>
        this.#remove(group, now, "the table of groups is full"),
      onUnjoined: (unjoined, limit) => this.#events.limit(unjoined, limit),
    });
  }

  /** The broadcast group between {@linkcode start} and {@linkcode stop}, else undefined. */
  get broadcast(): MulticastGroup | undefined {
    return this.#broadcast;
  }

  /** True once the broadcast group is joined and attached. */
  get ready(): boolean {
    return this.#broadcast?.ah !== undefined;
  }

  /** The flag `umcast` (foreign_groups.ts). */
  get umcast(): boolean {
    return this.#foreign.enabled;
  }

  set umcast(enabled: boolean) {
    this.#foreign.setEnabled(enabled, this.#now());
    this.#schedule();
  }

  entries(): MulticastGroup[] {
    return [...this.#groups.values()];
  }

  /** Joins the broadcast group of the link, after leaving all former groups. */
  start(broadcastMgid: Uint8Array, now: Millis): void {
    this.stop(now);
    const group = this.#make(broadcastMgid, EthernetKind.Broadcast, false, now);
    this.#broadcast = group;
    this.#groups.set(gidKey(broadcastMgid), group);
    this.#nextReap = now + REAP_INTERVAL_MS;
    this.#join(group, now);
    this.#schedule();
  }

  /** Leaves all groups, the broadcast group last. */
  stop(now: Millis): void {
    this.#checks.stop();
    this.#foreign.clear();
    for (const group of this.#inquiries.stop()) this.#logFailure(group);
    for (const group of this.entries().reverse()) {
      this.#remove(group, now, "the link has ended");
    }
    this.#broadcast = undefined;
    this.#nextReap = Infinity;
    this.#schedule();
  }

  /**
   * Joins all groups again except idle ones, without waiting for a backoff, and keeps using them meanwhile (client
   * reregister). The broadcast group is joined first, because its new record may change the parameters of other joins.
   */
  rejoin(now: Millis): void {
    if (!this.#broadcast) return;
    this.#parts.debug.decision(() =>
      `All ${this.#groups.size} groups are joined again, the broadcast group first`
    );
    for (const group of this.#groups.values()) {
      if (group.progress === "idle") continue;
      group.resetBackOff();
      group.inquiry = undefined;
      group.stale = group !== this.#broadcast;
    }
    this.#join(this.#broadcast, now);
    this.#schedule();
  }

  /** Starts the checks of all memberships, because another program on the port may have left groups. */
  checkMemberships(now: Millis): void {
    this.#checks.expedite(now);
    this.#schedule();
  }

  /**
   * Sets the groups that the kernel has joined: joins new ones and leaves all others, except send-only groups.
   * `unjoined` is the number of kernel memberships over the limit (wanted_groups.ts).
   */
  setWanted(
    mgids: readonly Uint8Array[],
    unjoined: number,
    now: Millis,
  ): void {
    if (!this.#broadcast) return;
    const wanted = this.#foreign.select(
      new Map(mgids.map((mgid) => [gidKey(mgid), mgid])),
      (key) => this.#groups.get(key)?.sendOnly === false,
      now,
    );
    for (const [key, group] of [...this.#groups]) {
      if (group === this.#broadcast) continue;
      // A send-only group that the kernel has joined is joined again as full member.
      if (group.sendOnly !== wanted.has(key)) continue;
      this.#remove(group, now, group.sendOnly ? MEMBER : LEFT);
    }
    for (const [key, mgid] of wanted) {
      if (!this.#groups.has(key)) this.#joinWanted(mgid, now);
    }
    this.#limit.reportUnjoined(unjoined);
    this.#schedule();
  }

  /** Joins a group that the kernel has joined as full member, instead of as send-only member if it was one. */
  #joinWanted(mgid: Uint8Array, now: Millis): void {
    const key = gidKey(mgid);
    const sendOnly = this.#groups.get(key);
    if (sendOnly) this.#remove(sendOnly, now, MEMBER);
    this.#limit.admitMember(now);
    const group = this.#make(mgid, EthernetKind.Multicast, false, now);
    this.#groups.set(key, group);
    if (this.ready) this.#join(group, now);
  }

  /**
   * Returns the destination of packets to a group, and creates a send-only group if the table has none. Returns
   * {@linkcode refused} over the group limit, and undefined until the broadcast group is joined.
   */
  destinationFor(mgid: Uint8Array): IpDestination | undefined {
    return this.ready ? this.#sendOnly(mgid) ?? this.refused : undefined;
  }

  /** Returns the group, creating a send-only group if needed; undefined over the group limit. */
  #sendOnly(mgid: Uint8Array): MulticastGroup | undefined {
    const key = gidKey(mgid);
    let group = this.#groups.get(key);
    if (!group) {
      const now = this.#now();
      if (!this.#limit.admitSendOnly(now)) return undefined;
      group = this.#make(mgid, EthernetKind.Multicast, true, now);
      this.#groups.set(key, group);
    }
    return group;
  }

  /** Queues a packet until the group is joined; starts the join if it is idle. */
  wait(mgid: Uint8Array, slot: number, length: number): void {
    const group = this.ready ? this.#sendOnly(mgid) : undefined;
    if (!group) {
      this.#parts.sender.drop(
        slot,
        length,
        this.ready ? "tx_group_limit" : "tx_link_down",
      );
      return;
    }
    const now = this.#now();
    group.queue.push(slot, length);
    group.usedAt = now;
    if (group.progress === "idle") this.#join(group, now);
  }

  /** Runs due retries, idle removal and membership checks. */
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
          this.#remove(group, now, "no packets for a minute");
        }
      }
    }
    this.#checks.run(now, () => {
      this.onMembership();
      this.#schedule();
    });
    this.#foreign.run(now, () => this.#schedule());
    this.#schedule();
  }

  #onLost(group: MulticastGroup, mlid: number | undefined): void {
    const { sender, log, debug } = this.#parts;
    sender.statistics.tables.add("memberships_lost");
    debug.decision(() =>
      `Membership of ${formatGid(group.mgid)} is lost: ${
        mlid === undefined ? "no record" : `the MLID is ${hex(mlid)}`
      }`
    );
    logLoss(log, group, mlid);
    this.#events.lost(group, mlid);
    this.#join(group, this.#now());
  }

  #join(group: MulticastGroup, now: Millis): void {
    if (this.#inquiries.forget(group)) this.#reportFailure(group);
    group.cancel?.();
    group.progress = "joining";
    group.stale = false;
    group.retryAt = Infinity;
    this.#parts.debug.multicast(() => `joining MGID ${formatGid(group.mgid)}`);
    const { memberships } = this.#parts.context;
    group.request = this.#request(group);
    const handle = memberships.join(
      this,
      group.request,
      now,
      (answer) => this.#onAnswer(group, answer),
    );
    group.cancel = () => handle.cancel();
  }

  #onAnswer(group: MulticastGroup, answer: SaResult<McMemberRecord>): void {
    group.cancel = undefined;
    this.#parts.debug.multicast(() => {
      const status = answer.ok ? 0 : -answer.errno;
      return `join completion for ${formatGid(group.mgid)} (status ${status})`;
    });
    if (answer.ok) this.#joined(group, answer.record);
    else this.#failed(group, answer);
    this.#schedule();
  }

  #reportFailure(group: MulticastGroup): void {
    this.#logFailure(group);
    this.onMembership();
  }

  #logFailure(group: MulticastGroup): void {
    logFailure(this.#parts.log, this.#parts.debug, group);
    this.#events.refused(group);
  }

  #request(group: MulticastGroup): MembershipRequest {
    const { gid, pkey } = this.#parts.identity;
    const link = this.#broadcast?.record;
    return group === this.#broadcast || !link
      ? broadcastJoin(group.mgid, gid, pkey)
      : groupJoin(group.mgid, gid, link, joinStateOf(group));
  }

  #joined(group: MulticastGroup, record: McMemberRecord): void {
    const usable = group.ah !== undefined;
    const before = usable ? group.record : undefined;
    try {
      this.#use(group, record);
      this.#events.joined(group, before);
      if (group === this.#broadcast) this.onBroadcast(record);
    } catch (error) {
      // A local failure, such as a full attach table, counts as a refusal (as in Linux ipoib_mcast_join_finish).
      const refusal = IpoibError.from(error);
      this.#parts.log.debug(refusal.message);
      if (!usable) this.#dropHandle(group);
      const errno = refusal.errno ?? Errno.EINVAL;
      this.#failed(group, { status: 0, errno }, refusal.hint);
      return;
    }
    group.progress = "joined";
    this.#parts.debug.decision(() =>
      `Group ${formatGid(group.mgid)} is joined: ${parametersOf(record)}`
    );
    group.failure = group.obstacle = group.inquiry = undefined;
    group.checkFailure = undefined;
    group.resetBackOff();
    this.#checks.schedule(group, this.#now());
    if (group === this.#broadcast) this.#joinOthers();
    group.queue.sendTo(group);
    this.onMembership();
  }

  /**
   * Attaches the queue pair to the MLID of the record and creates the address handle. If the MLID has changed, the queue
   * pair is detached from the old one first: mlx4 and mlx5 know an attachment by its MGID only, so that the end of the
   * old one would end the new one too.
   */
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
    const { port } = this.#parts.context;
    const ah = port.createAddressHandle(
      handleAttributes(group.mgid, record, port.attributes),
    );
    group.ah = ah;
    group.egress = new GroupRoute(this.#parts.sender, group, ah);
    old?.destroy();
  }

  #dropHandle(group: MulticastGroup): void {
    group.ah?.destroy();
    group.ah = undefined;
    group.egress = new WaitingEgress(this, group.mgid);
  }

  /** Joins the groups that waited for the broadcast group. */
  #joinOthers(): void {
    const now = this.#now();
    for (const group of this.entries()) {
      const waits = group.progress === "idle" && !group.sendOnly;
      if (waits || group.stale) this.#join(group, now);
    }
  }

  /** Schedules the retry of a failed join. A refusal is reported when its reason is known. */
  #failed(
    group: MulticastGroup,
    { errno, status, unsent = false }: SaFailure,
    remedy?: string,
  ): void {
    const now = this.#now();
    group.failure = errno;
    group.failureStatus = status;
    group.remedy = remedy;
    group.unsent = unsent;
    group.failures++;
    if (!this.#inquiries.start(group, now)) this.#reportFailure(group);
    else {
      this.#parts.debug.decision(() =>
        `The reason why the join of ${
          formatGid(group.mgid)
        } was refused with status ${formatMadStatus(status)} is looked up`
      );
    }
    if (group.sendOnly && group.failures >= 2) {
      this.#parts.debug.decision(() =>
        `Send-only group ${
          formatGid(group.mgid)
        } is joined again with the next packet only`
      );
      group.progress = "idle";
      group.resetBackOff();
      // The refusal also ends a membership from before a client reregister.
      this.#dropHandle(group);
      group.queue.drop("tx_group_failed");
      return;
    }
    group.progress = "waiting";
    group.backOff(now);
    this.#parts.debug.decision(() =>
      `Join of ${formatGid(group.mgid)} is tried again in ${
        group.backoff.last / 1000
      } s`
    );
  }

  /** @param cause why the group is left, for its event */
  #remove(group: MulticastGroup, now: Millis, cause: string): void {
    this.#groups.delete(gidKey(group.mgid));
    if (group.ah) this.#events.left(group, cause);
    this.received.clear();
    this.#parts.debug.decision(() =>
      `Group ${formatGid(group.mgid)} is left: ${cause}`
    );
    this.#parts.debug.multicast(() =>
      `deleting multicast group ${formatGid(group.mgid)}`
    );
    if (this.#inquiries.forget(group)) this.#logFailure(group);
    // The administrator may have processed a join whose response has not arrived, or was lost.
    const unanswered = group.cancel !== undefined ||
      group.failure === Errno.ETIMEDOUT;
    group.cancel?.();
    group.cancel = undefined;
    // A pending check of its membership then has no effect.
    group.progress = "idle";
    if (group.attached && group.record) {
      this.qp?.detachMulticast(group.mgid, group.record.mlid);
      group.attached = false;
    }
    if (group.record || unanswered) this.#leave(group, now);
    this.#dropHandle(group);
    group.queue.drop("tx_group_failed");
    this.onRemoved();
  }

  #leave(group: MulticastGroup, now: Millis): void {
    const { context: { memberships }, identity, debug } = this.#parts;
    debug.multicast(() => `leaving MGID ${formatGid(group.mgid)}`);
    const request = groupLeave(group.mgid, identity.gid, joinStateOf(group));
    memberships.leave(this, request, now);
  }

  #make(
    mgid: Uint8Array,
    kind: EthernetKind,
    sendOnly: boolean,
    now: Millis,
  ): MulticastGroup {
    const { sender, debug } = this.#parts;
    debug.multicast(() =>
      sendOnly
        ? `setting up send only multicast group for ${formatGid(mgid)}`
        : `adding multicast entry for mgid ${formatGid(mgid)}`
    );
    this.received.clear();
    const waiting = new WaitingEgress(this, mgid);
    return new MulticastGroup(mgid, { kind, sendOnly, sender, waiting, now });
  }

  #now(): Millis {
    return this.#parts.context.reactor.clock.now();
  }

  close(): void {
    this.#timer.close();
  }

  #schedule(): void {
    let first = Math.min(
      ...[this.#nextReap, this.#checks.deadline, this.#foreign.deadline],
    );
    for (const group of this.#groups.values()) {
      if (group.progress === "waiting") first = Math.min(first, group.retryAt);
    }
    this.#timer.at(first);
  }
}

/** Returns the parameters of a group as text. */
function parametersOf({ mlid, qkey, mtu, rate, sl }: McMemberRecord): string {
  return `MLID ${hex(mlid)}, Q_Key ${hex(qkey, 8)}, MTU ${
    formatMtuCode(mtu)
  }, rate ${formatRate(rate)}, SL ${sl}`;
}

function joinStateOf(group: MulticastGroup): number {
  return group.sendOnly ? JoinState.SendOnlyFullMember : JoinState.FullMember;
}
