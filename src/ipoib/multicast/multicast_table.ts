/**
 * The multicast groups of an interface (as in Linux ipoib_multicast.c).
 *
 * The broadcast group is joined and attached first: every other group of the link is joined with the Q_Key, MTU, rate
 * and service level of its record (RFC 4391 sections 5 and 10). The kernel's groups are joined as full member. A
 * group to which the interface only sends is joined at the first packet (JoinState 8, as in Linux) and left after at
 * least one minute without packets.
 *
 * The table decides which groups are joined and left, and when; group_joins.ts does it. The number of groups is limited
 * (group_limit.ts). Memberships are checked periodically (membership_checks.ts).
 */

import { hex } from "../../base/hex.ts";
import type { Logger } from "../../base/log.ts";
import type { Millis } from "../../base/units.ts";
import type { UdQp } from "../../hca/ud_qp.ts";
import type { Timer } from "../../system/reactor.ts";
import { EthernetKind } from "../../wire/ethernet.ts";
import { formatGid, gidKey } from "../../wire/gid.ts";
import type { McMemberRecord } from "../../wire/sa/mc_member_record.ts";
import { DEFAULT_MAX_GROUPS, IDLE_MS, REAP_INTERVAL_MS } from "../constants.ts";
import type { EngineContext } from "../context.ts";
import type { DebugLog } from "../debug_log.ts";
import type { IpDestination } from "../egress.ts";
import type { InterfaceEvents } from "../interface_events.ts";
import type { LinkIdentity } from "../link_identity.ts";
import type { PacketSender } from "../packet_sender.ts";
import type { WaitingTable } from "../waiting_egress.ts";
import { ForeignGroups } from "./foreign_groups.ts";
import { GroupEvents } from "./group_events.ts";
import { GroupJoins } from "./group_joins.ts";
import { GroupLimit } from "./group_limit.ts";
import { GroupUse } from "./group_use.ts";
import { logLoss } from "./join_log.ts";
import { MembershipChecks } from "./membership_checks.ts";
import { MulticastGroup } from "./multicast_group.ts";
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
  readonly #use: GroupUse;
  readonly #joins: GroupJoins;
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
    this.#use = new GroupUse({ port: context.port, sender, table: this });
    this.#joins = new GroupJoins({
      ...{ context, identity, log, debug: parts.debug, broadcast },
      ...{ events: this.#events, use: this.#use },
      onUsable: (group, record) => {
        if (group === this.#broadcast) this.onBroadcast(record);
      },
      onJoined: (group, now) => this.#onJoined(group, now),
      onReason: () => this.onMembership(),
      onEnd: () => this.#schedule(),
    });
    this.#limit = new GroupLimit({
      ...{ groups, statistics: sender.statistics, log },
      maxGroups: context.maxGroups ?? DEFAULT_MAX_GROUPS,
      remove: (group, now) =>
        this.#remove(group, now, "the table of groups is full"),
      onUnjoined: (unjoined, limit) => this.#events.limit(unjoined, limit),
    });
  }

  /** Sets the queue pair to attach to the groups, or none. */
  attach(qp: UdQp | undefined): void {
    this.#use.qp = qp;
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
    this.#joins.join(group, now);
    this.#schedule();
  }

  /** Leaves all groups, the broadcast group last. */
  stop(now: Millis): void {
    this.#checks.stop();
    this.#foreign.clear();
    this.#joins.stopInquiries();
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
    this.#joins.join(this.#broadcast, now);
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
    if (this.ready) this.#joins.join(group, now);
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
    if (group.progress === "idle") this.#joins.join(group, now);
  }

  /** Runs due retries, idle removal and membership checks. */
  tick(now: Millis): void {
    for (const group of this.entries()) {
      const due = group.progress === "waiting" && group.retryAt <= now;
      if (due && (group === this.#broadcast || this.ready)) {
        this.#joins.join(group, now);
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

  #onJoined(group: MulticastGroup, now: Millis): void {
    this.#checks.schedule(group, now);
    if (group === this.#broadcast) this.#joinOthers(now);
    group.queue.sendTo(group);
    this.onMembership();
  }

  /** Joins the groups that waited for the broadcast group. */
  #joinOthers(now: Millis): void {
    for (const group of this.entries()) {
      const waits = group.progress === "idle" && !group.sendOnly;
      if (waits || group.stale) this.#joins.join(group, now);
    }
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
    this.#joins.join(group, this.#now());
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
    this.#joins.leave(group, now);
    this.#use.dropHandle(group);
    group.queue.drop("tx_group_failed");
    this.onRemoved();
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
    const waiting = this.#use.waiting(mgid);
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
      this.#nextReap,
      this.#checks.deadline,
      this.#foreign.deadline,
    );
    for (const group of this.#groups.values()) {
      if (group.progress === "waiting") first = Math.min(first, group.retryAt);
    }
    this.#timer.at(first);
  }
}
