/**
 * A port of the embedded HCA: memory, links, queue pairs and the manager's word, behind the {@linkcode HcaPort}
 * interface.
 *
 * A packet's way: the sender's TUN is read into a slot of the pool (`slot_pool.ts`); `UdQp.post` writes the
 * headers and pushes {slot, length} onto the link of the destination (`out_link.ts`, `ring.ts`); `flush`
 * publishes and rings. The receiver takes descriptors in its turn (`#receive`), checks them
 * (`inbound.ts`), and hands them to the queue pairs' completion queues; `release` returns the slots.
 *
 * What a throw-away with three and four processes, some of them stopped, taught is written where it counts: out_link.ts
 * (share, credit and pause), ring.ts (where a sleep is announced), slot_layout.ts (how many slots).
 */

import { createEventFd, drain } from "../../system/event_fd.ts";
import type { Reactor, Sleeper, Timer, Watch } from "../../system/reactor.ts";
import type {
  FabricMap,
  ManagerMessage,
  SubnetSnapshot,
} from "../../subnet/messages.ts";
import { formatGuid } from "../../wire/gid.ts";
import {
  type AddressHandle,
  type AddressHandleAttributes,
  type HcaPort,
  type MadAddress,
  type MadChannel,
  type PortAttributes,
  type PortEvent,
  PostResult,
  type UdQp,
  type UdQpOptions,
} from "../hca.ts";
import { SoftAddressHandle } from "./address_handle.ts";
import { Fabric, GRACE_MS } from "./fabric.ts";
import type { InLink } from "./in_link.ts";
import { Inbound } from "./inbound.ts";
import { type LinkOwner, LinkTable } from "./link_table.ts";
import { ManagerLink } from "./manager_link.ts";
import { Memberships } from "./memberships.ts";
import type { OutLink } from "./out_link.ts";
import { configured, unconfigured } from "./port_attributes.ts";
import {
  counterIndex,
  type PortCounterName,
  PortCounters,
} from "./port_counters.ts";
import { SLOTS } from "./slot_layout.ts";
import { SlotPool } from "./slot_pool.ts";
import { SoftUdQp } from "./ud_qp.ts";

const XMIT_PACKETS = counterIndex("xmit_packets");
const MULTICAST_XMIT_PACKETS = counterIndex("multicast_xmit_packets");
/** Descriptors taken from one link in one turn: the others' packets and the TUN have their turn too. */
const RECEIVE_BUDGET = 64;
/** The first QPN for users; 0 and 1 are the management queue pairs. */
const FIRST_QPN = 0x48;

/** How to open a port. */
export interface SoftPortOptions {
  reactor: Reactor;
  /** The folder of the subnet. */
  directory: string;
  /** The subnet's name, for show. */
  subnet: string;
  /** The GUID to ask for. */
  guid: bigint;
  /** True if no other will do. */
  guidFixed: boolean;
  /** The interface, for show. */
  name: string;
  subnetMtu?: 2048 | 4096;
  /** There is no subnet manager: somebody should become one. */
  onManagerMissing: (lastKnown: FabricMap) => void;
}

/** See {@linkcode HcaPort}. */
export class SoftPort implements HcaPort, LinkOwner, Sleeper {
  readonly reactor: Reactor;
  readonly send = new SlotPool(SLOTS);
  readonly pool = this.send;
  readonly doorbell = createEventFd();
  readonly counted = new PortCounters();
  readonly inbound: Inbound;
  readonly mads: MadChannel;
  onCredit: () => void = () => {};

  #attributes: PortAttributes;
  readonly #options: SoftPortOptions;
  readonly #fabric = new Fabric();
  readonly #memberships = new Memberships();
  readonly #links: LinkTable;
  readonly #manager: ManagerLink;
  readonly #bellWatch: Watch;
  readonly #stallTimer: Timer;
  readonly #graceTimer: Timer;
  readonly #listeners: ((event: PortEvent) => void)[] = [];
  readonly #shown = new Map<number, (subnet: SubnetSnapshot) => void>();
  #nextShow = 1;
  #nextQpn = FIRST_QPN;
  #registered = false;
  /** True while out-links were told that this port waits for slots. */
  #waits = false;
  #closed = false;

  constructor(options: SoftPortOptions) {
    const { reactor } = options;
    this.reactor = reactor;
    this.#options = options;
    this.#attributes = unconfigured(options.subnet, options.guid);
    this.inbound = new Inbound(this);
    this.#links = new LinkTable(this, options.directory);
    this.#manager = new ManagerLink(
      reactor,
      `${options.directory}/sm.sock`,
      this.#managerListener(),
    );
    const mads: MadChannel = {
      send: (mad, to) => this.#sendMad(mad, to),
      onMad: () => {},
    };
    this.mads = mads;
    this.pool.collect = () => this.#collect();
    this.#bellWatch = reactor.watch(
      this.doorbell.number,
      () => drain(this.doorbell.number),
      { fast: true },
    );
    this.#stallTimer = reactor.timer((now) => this.#checkStalls(now));
    this.#graceTimer = reactor.timer(() => this.#fabric.forgetOld());
    reactor.addSleeper(this);
    reactor.onTurnEnd(() => this.flush());
    this.#manager.connect();
  }

  get attributes(): PortAttributes {
    return this.#attributes;
  }

  createUdQp(options: UdQpOptions): UdQp {
    const qpn = this.#nextQpn++;
    const qp = new SoftUdQp(this, qpn, options);
    this.inbound.qps.set(qpn, qp);
    return qp;
  }

  createAddressHandle(attributes: AddressHandleAttributes): AddressHandle {
    return new SoftAddressHandle(attributes, this.#attributes.gid);
  }

  onEvent(listener: (event: PortEvent) => void): void {
    this.#listeners.push(listener);
  }

  counters(): Record<string, number> {
    return this.counted.snapshot();
  }

  /** Asks the manager for what `ipoib subnet show` prints; there is no answer while there is no manager. */
  showSubnet(done: (subnet: SubnetSnapshot) => void): void {
    const id = this.#nextShow++;
    this.#shown.set(id, done);
    this.#manager.show(id);
  }

  /** The packets of a queue pair that goes are dropped with it. */
  forget(qp: SoftUdQp): void {
    this.inbound.forget(qp);
    const rest = qp.createBatch();
    while (qp.poll(rest)) qp.release(rest);
  }

  // Sending -------------------------------------------------------------------------------------------------

  /** Drops a packet before it reaches a link. */
  refuse(slot: number, why: PortCounterName, result: PostResult): PostResult {
    this.counted.add(why);
    this.pool.unref(slot);
    return result;
  }

  /** Sends to the port behind the handle's LID. */
  unicast(slot: number, length: number, ah: SoftAddressHandle): PostResult {
    let link = ah.link;
    if (!link?.open) {
      link = this.#linkTo(ah.dlid);
      ah.link = link;
      if (!link) {
        return this.refuse(slot, "xmit_unreachable", PostResult.Unreachable);
      }
    }
    const result = this.#push(link, slot, length);
    if (result !== PostResult.Sent) {
      return this.refuse(slot, "xmit_no_credit", result);
    }
    this.counted.values[XMIT_PACKETS]!++;
    return result;
  }

  /** Sends to every port that receives the handle's MLID: one slot, a reference for each. */
  multicast(
    slot: number,
    length: number,
    ah: SoftAddressHandle,
    qp: SoftUdQp,
  ): PostResult {
    const members = this.#fabric.members(ah.dlid);
    const own = this.#attributes.lid;
    for (let i = 0; i < members.length; i++) {
      const lid = members[i]!;
      if (lid === own && !this.inbound.hasOtherListener(qp, ah.dlid)) continue;
      const link = this.#linkTo(lid);
      if (!link) continue;
      this.pool.ref(slot);
      if (this.#push(link, slot, length) !== PostResult.Sent) {
        this.refuse(slot, "xmit_no_credit", PostResult.NoCredit);
      }
    }
    this.pool.unref(slot);
    this.counted.values[XMIT_PACKETS]!++;
    this.counted.values[MULTICAST_XMIT_PACKETS]!++;
    return PostResult.Sent;
  }

  flush(): void {
    const { outgoing } = this.#links;
    for (let i = 0; i < outgoing.length; i++) {
      const link = outgoing[i]!;
      if (link.dirty) link.publish();
    }
  }

  #linkTo(lid: number): OutLink | undefined {
    const guid = this.#fabric.guid(lid);
    return guid === undefined ? undefined : this.#links.to(guid);
  }

  #push(link: OutLink, slot: number, length: number): PostResult {
    if (link.hasCredit) {
      link.push(slot, length);
      return PostResult.Sent;
    }
    const now = this.reactor.clock.now();
    if (!link.collect(now)) this.#breakOut(link);
    else if (link.hasCredit) {
      link.push(slot, length);
      return PostResult.Sent;
    }
    if (!link.open) return PostResult.Unreachable;
    const result = link.wait(slot, length, now);
    if (result === PostResult.Sent) {
      this.pool.held = true;
      this.#scheduleStallCheck();
    }
    return result;
  }

  #breakOut(link: OutLink): void {
    this.counted.add("ring_violations");
    this.#links.closeOut(link);
  }

  // Credit --------------------------------------------------------------------------------------------------

  /** Takes the slots that peers have returned. */
  #collect(): void {
    const now = this.reactor.clock.now();
    const { outgoing } = this.#links;
    for (let i = outgoing.length - 1; i >= 0; i--) {
      const link = outgoing[i]!;
      if (link.held > 0 && !link.collect(now)) this.#breakOut(link);
    }
    this.#updateHeld();
  }

  #updateHeld(): void {
    const { outgoing } = this.#links;
    let held = false;
    for (let i = 0; i < outgoing.length; i++) {
      if (outgoing[i]!.waiting > 0) held = true;
    }
    this.pool.held = held;
  }

  #giveCredit(): void {
    if (!this.pool.starved) return;
    this.#collect();
    if (this.pool.held || this.pool.free === 0) return;
    this.pool.starved = false;
    this.onCredit();
  }

  #scheduleStallCheck(): void {
    let first = Infinity;
    for (const link of this.#links.outgoing) {
      first = Math.min(first, link.deadline);
    }
    this.#stallTimer.at(first);
  }

  #checkStalls(now: number): void {
    this.#collect();
    for (const link of this.#links.outgoing) {
      if (link.deadline <= now) {
        this.counted.values[counterIndex("xmit_no_credit")]! += link.stall();
      }
    }
    this.#updateHeld();
    this.#scheduleStallCheck();
    this.#giveCredit();
  }

  // Receiving -----------------------------------------------------------------------------------------------

  beforeSleep(): boolean {
    const waits = this.pool.starved || this.pool.held;
    const { incoming, outgoing } = this.#links;
    let busy = false;
    for (let i = 0; i < incoming.length; i++) {
      const { ring } = incoming[i]!;
      ring.announceSleep(true);
      if (ring.waiting() !== 0) busy = true;
    }
    for (let i = 0; waits && i < outgoing.length; i++) {
      const link = outgoing[i]!;
      link.ring.announceWait(true);
      if (link.returns !== 0) busy = true;
    }
    this.#waits = waits;
    return busy;
  }

  afterSleep(): void {
    const { incoming, outgoing } = this.#links;
    for (let i = 0; this.#waits && i < outgoing.length; i++) {
      outgoing[i]!.ring.announceWait(false);
    }
    for (let i = incoming.length - 1; i >= 0; i--) {
      const link = incoming[i]!;
      link.ring.announceSleep(false);
      this.#receive(link);
    }
    this.#giveCredit();
  }

  #receive(link: InLink): void {
    const waiting = link.ring.waiting();
    if (waiting === 0) return;
    const budget = Math.min(waiting, RECEIVE_BUDGET);
    let valid = waiting > 0;
    for (let i = 0; valid && i < budget; i++) {
      link.ring.take();
      const { slot, length } = link.ring;
      valid = slot >= 0 && slot < link.slots && !link.holds(slot);
      if (valid) this.inbound.deliver(link, slot, length);
    }
    if (!valid) {
      this.counted.add("ring_violations");
      this.#links.closeIn(link);
      return;
    }
    for (const qp of this.inbound.qps.values()) {
      if (qp.completions.count > 0) qp.onReceive();
    }
    this.publishReturns();
  }

  /** Makes the slots that were given back visible to their owners. */
  publishReturns(): void {
    const { incoming } = this.#links;
    for (let i = 0; i < incoming.length; i++) {
      const link = incoming[i]!;
      if (link.dirty) link.publishReturns();
    }
  }

  // Links ---------------------------------------------------------------------------------------------------

  onInLinkOpen(link: InLink): void {
    link.lid = this.#fabric.lid(link.guid);
  }

  onInLinkClosing(link: InLink): void {
    for (const qp of this.inbound.qps.values()) qp.completions.purge(link);
  }

  onOutLinkClosed(_link: OutLink, lost: number): void {
    this.counted.add("links_lost");
    this.counted.add("xmit_unreachable", lost);
    this.#updateHeld();
    this.#giveCredit();
  }

  // The manager ---------------------------------------------------------------------------------------------

  #managerListener() {
    const { options, memberships } = {
      options: this.#options,
      memberships: this.#memberships,
    };
    return {
      hello: () => ({
        guid: formatGuid(this.#attributes.portGuid),
        name: options.name,
        pid: Deno.pid,
        ...(options.guidFixed ? { guidFixed: true } : {}),
        ...(options.subnetMtu ? { subnetMtu: options.subnetMtu } : {}),
        ...(this.#registered
          ? { lid: this.#attributes.lid, memberships: memberships.list() }
          : {}),
      }),
      onMessage: (message: ManagerMessage) => this.#onMessage(message),
      onMad: (mad: Uint8Array, from: MadAddress) => {
        memberships.received(mad, this.#attributes.gid);
        this.mads.onMad(mad, from);
      },
      onMissing: () => options.onManagerMissing(this.#fabric.map()),
    };
  }

  #onMessage(message: ManagerMessage): void {
    switch (message.type) {
      case "welcome": {
        const before = this.#attributes;
        this.#attributes = configured(before, message);
        this.#fabric.replace(message.fabric);
        this.#graceTimer.at(this.reactor.clock.now() + GRACE_MS);
        this.#links.listen(message.guid);
        this.#refreshLids();
        if (!this.#registered) this.#emit({ type: "port_active" });
        else if (before.lid !== message.lid) this.#emit({ type: "lid_change" });
        this.#registered = true;
        return;
      }
      case "refused":
        this.#emit({ type: "device_fatal", reason: refusal(message) });
        return;
      case "fabric":
        this.#fabric.update(message);
        this.#refreshLids();
        return;
      case "event":
        this.#attributes = {
          ...this.#attributes,
          ...(message.lid === undefined ? {} : { lid: message.lid }),
          ...(message.smLid === undefined ? {} : { smLid: message.smLid }),
          ...(message.pkeys === undefined ? {} : { pkeys: message.pkeys }),
        };
        this.#emit({ type: message.event });
        return;
      case "show":
        this.#shown.get(message.id)?.(message.subnet);
        this.#shown.delete(message.id);
        return;
    }
  }

  #refreshLids(): void {
    for (const link of this.#links.incoming) {
      link.lid = this.#fabric.lid(link.guid);
    }
  }

  #sendMad(mad: Uint8Array, to: MadAddress): void {
    this.#memberships.sent(mad);
    this.#manager.sendMad(mad, to);
  }

  #emit(event: PortEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const qp of [...this.inbound.qps.values()]) qp.close();
    this.#manager.close();
    this.#links.close();
    this.#bellWatch.close();
    this.#stallTimer.close();
    this.#graceTimer.close();
    this.doorbell.close();
    this.pool.close();
  }
}

function refusal(message: { message: string; hint: string }): string {
  return message.hint
    ? `${message.message} (${message.hint})`
    : message.message;
}
