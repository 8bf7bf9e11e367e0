/**
 * A port of the embedded HCA: memory, links, queue pairs and the manager's word, behind the {@linkcode HcaPort}
 * interface.
 *
 * A packet's way: the sender's device is read into a slot of the pool (`slot_pool.ts`); `UdQp.post` writes the
 * headers and gives {slot, length} to the link of the destination (`outbound.ts`, `credit.ts`, `out_link.ts`, `ring.ts`);
 * `flush` publishes and rings. (`faults.ts` may stand between the two, if it was asked to.) The receiver takes descriptors in
 * its turn (`#receive`), checks them (`inbound.ts`), and hands them to the queue pairs' completion queues; `release` returns
 * the slots (`returns.ts`).
 *
 * What a throw-away with three and four processes, some of them stopped, taught is written where it counts: out_link.ts
 * (share, credit and pause), ring.ts (where a sleep is announced), slot_layout.ts (how many slots).
 */

import { Listeners } from "../../base/listeners.ts";
import { createEventFd } from "../../system/event_fd.ts";
import type { Reactor, Sleeper, Watch } from "../../system/reactor.ts";
import type { SubnetSnapshot } from "../../subnet/messages.ts";
import {
  type AddressHandle,
  type AddressHandleAttributes,
  type HcaPort,
  type MadAgent,
  type PortAttributes,
  type PortEvent,
  type TappedPacket,
  type UdQp,
  type UdQpOptions,
} from "../hca.ts";
import { MadAgents } from "../mad_agents.ts";
import { Taps } from "../taps.ts";
import { SoftAddressHandle } from "./address_handle.ts";
import { Credit } from "./credit.ts";
import { FaultInjector } from "./faults.ts";
import type { InLink } from "./in_link.ts";
import { Inbound } from "./inbound.ts";
import { type LinkOwner, LinkTable } from "./link_table.ts";
import { Moderator } from "./moderation.ts";
import type { OutLink } from "./out_link.ts";
import { Outbound } from "./outbound.ts";
import { counterIndex, PortCounters } from "./port_counters.ts";
import { Registration, type RegistrationOptions } from "./registration.ts";
import { Returns } from "./returns.ts";
import { SLOTS } from "./slot_layout.ts";
import { SlotPool } from "./slot_pool.ts";
import { SoftUdQp, type UdQpParts } from "./ud_qp.ts";

const CQ_EVENTS = counterIndex("cq_events");
/** Descriptors taken from one link in one turn: the others' packets and the network device have their turn too. */
const RECEIVE_BUDGET = 32;
/** Slots that a sleep may begin with although they are not published: their packets go to the device with its system call. */
const FEW_RETURNS = 4;
/** The first QPN for users; 0 and 1 are the management queue pairs. */
const FIRST_QPN = 0x48;

/** How to open a port. */
export interface SoftPortOptions extends RegistrationOptions {
  reactor: Reactor;
}

/** See {@linkcode HcaPort}. */
export class SoftPort implements HcaPort, LinkOwner, Sleeper {
  readonly reactor: Reactor;
  readonly send = new SlotPool(SLOTS);
  readonly pool = this.send;
  readonly doorbell = createEventFd();
  readonly counted = new PortCounters();

  readonly #agents = new MadAgents(
    (mad, to) => this.#registration.sendMad(mad, to),
    () => this.counted.add("mads_no_agent"),
  );
  readonly #links: LinkTable;
  readonly #credit: Credit;
  readonly #faults: FaultInjector<OutLink>;
  readonly #moderator: Moderator;
  readonly #inbound: Inbound;
  readonly #returns: Returns;
  readonly #qpParts: UdQpParts;
  readonly #taps = new Taps();
  readonly #registration: Registration;
  readonly #bellWatch: Watch;
  readonly #events = new Listeners<[PortEvent]>();
  #nextQpn = FIRST_QPN;
  #closed = false;
  /** True if the last turn was to wait. */
  #asleep = false;

  constructor(options: SoftPortOptions) {
    const { reactor } = options;
    this.reactor = reactor;
    this.#inbound = new Inbound(this);
    this.#links = new LinkTable(this, options.directory);
    this.#credit = new Credit(reactor, this.pool, this.#links, this.counted);
    this.#faults = new FaultInjector(reactor, this.pool, this.counted, {
      push: (link, slot, length) => this.#credit.push(link, slot, length),
      drained: () => this.#credit.give(),
    });
    this.#moderator = new Moderator(
      reactor,
      this.#inbound.all,
      () => this.#takeAll(false),
      () => this.counted.values[CQ_EVENTS]!++,
    );
    this.#registration = new Registration(reactor, options, {
      onMad: (mad, from) => this.#agents.deliver(mad, from),
      onEvent: (event) => this.#events.call(event),
      onGuid: (guid) => this.#links.listen(guid),
      onFabric: () => this.#refreshLids(),
      onFaults: (faults, guid) => this.#faults.configure(faults, guid),
    });
    this.#returns = new Returns(reactor, this.#links);
    const shared = {
      port: this.#registration,
      pool: this.pool,
      inbound: this.#inbound,
    };
    this.#qpParts = {
      ...shared,
      outbound: new Outbound({
        ...shared,
        counted: this.counted,
        links: this.#links,
        credit: this.#credit,
        faults: this.#faults,
        fabric: this.#registration.fabric,
      }),
      returns: this.#returns,
      moderator: this.#moderator,
      taps: this.#taps,
      qps: new Set(),
    };
    this.#bellWatch = reactor.watchBell(this.doorbell.number);
    reactor.addSleeper(this);
    reactor.onTurnEnd(() => this.flush());
    this.#registration.start();
  }

  get attributes(): PortAttributes {
    return this.#registration.attributes;
  }

  createUdQp(options: UdQpOptions): UdQp {
    return new SoftUdQp(this.#qpParts, this.#nextQpn++, options);
  }

  createAddressHandle(attributes: AddressHandleAttributes): AddressHandle {
    return new SoftAddressHandle(attributes, this.attributes.gid);
  }

  openMadAgent(mgmtClass: number): MadAgent {
    return this.#agents.open(mgmtClass);
  }

  onCredit(listener: () => void): () => void {
    return this.#credit.listeners.add(listener);
  }

  onEvent(listener: (event: PortEvent) => void): () => void {
    return this.#events.add(listener);
  }

  tap(listener: (packet: TappedPacket) => void): () => void {
    return this.#taps.add(listener);
  }

  counters(): Record<string, number> {
    return this.counted.snapshot();
  }

  /** Asks the manager for what `ipoib subnet show` prints; there is no answer while there is no manager. */
  showSubnet(done: (subnet: SubnetSnapshot) => void): void {
    this.#registration.show(done);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const qp of [...this.#qpParts.qps]) qp.close();
    this.#registration.close();
    this.#faults.close();
    this.#credit.close();
    this.#moderator.close();
    this.#links.close();
    this.#bellWatch.close();
    this.doorbell.close();
    this.pool.close();
  }

  // Sending -------------------------------------------------------------------------------------------------

  flush(): void {
    const { outgoing } = this.#links;
    for (let i = 0; i < outgoing.length; i++) {
      const link = outgoing[i]!;
      if (link.dirty) link.publish(this.reactor);
    }
    this.pool.post();
  }

  // Receiving -----------------------------------------------------------------------------------------------

  beforeSleep(): boolean {
    this.#asleep = false;
    const { pending } = this.#returns;
    if (pending && this.#returns.count > FEW_RETURNS) return true;
    const { incoming } = this.#links;
    const { threshold } = this.#moderator;
    // With work at hand nobody needs to ring, so nothing is announced.
    for (let i = 0; i < incoming.length; i++) {
      if (incoming[i]!.ring.has(threshold)) return true;
    }
    let busy = this.#credit.announce();
    for (let i = 0; i < incoming.length; i++) {
      const { ring } = incoming[i]!;
      ring.announceSleep(threshold);
      if (ring.has(threshold) || (pending && ring.senderWaits)) busy = true;
    }
    this.#asleep = !busy;
    return busy;
  }

  afterSleep(): void {
    if (this.#returns.pending) this.#returns.flush();
    this.#credit.retract();
    this.#takeAll(this.#asleep);
    this.#credit.give();
  }

  /** Takes what is in the rings; `woken` if the port slept until now. */
  #takeAll(woken: boolean): void {
    const { incoming } = this.#links;
    let more = false;
    for (let i = incoming.length - 1; i >= 0; i--) {
      const link = incoming[i]!;
      link.ring.retractSleep();
      if (this.#receive(link)) more = true;
    }
    if (this.#moderator.active) this.#moderator.settle(more, woken);
  }

  /** True if the link has more than its share of a turn. */
  #receive(link: InLink): boolean {
    const waiting = link.ring.waiting();
    if (waiting === 0) return false;
    const budget = Math.min(waiting, RECEIVE_BUDGET);
    let valid = waiting > 0;
    for (let i = 0; valid && i < budget; i++) {
      link.ring.take();
      const { slot, length } = link.ring;
      valid = slot >= 0 && slot < link.slots && !link.holds(slot);
      if (valid) this.#inbound.deliver(link, slot, length);
    }
    if (!valid) {
      this.counted.add("ring_violations");
      this.#links.closeIn(link);
      return false;
    }
    this.#moderator.deliver();
    this.#returns.publish();
    return waiting > budget;
  }

  // Links ---------------------------------------------------------------------------------------------------

  onInLinkOpen(link: InLink): void {
    link.lid = this.#registration.fabric.lid(link.guid);
  }

  onInLinkClosing(link: InLink): void {
    for (const each of this.#inbound.all) each.completions.purge(link);
  }

  onOutLinkClosed(_link: OutLink, lost: number): void {
    this.counted.add("links_lost");
    this.counted.add("xmit_unreachable", lost);
    this.#credit.linkClosed();
  }

  #refreshLids(): void {
    for (const link of this.#links.incoming) this.onInLinkOpen(link);
  }
}
