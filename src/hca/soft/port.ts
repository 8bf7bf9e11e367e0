/**
 * A port of the embedded HCA: memory, links, queue pairs and the registration with the subnet manager, behind the
 * {@linkcode HcaPort} interface.
 *
 * The path of a packet: a frame of the sender's device is read into a slot of the interface's send memory
 * (`slot_pool.ts`). `UdQp.post` writes the headers and passes {slot, length} to the link of the destination
 * (`outbound.ts`, `credit.ts`, `out_link.ts`, `ring.ts`), through `faults.ts` if packet faults are set. `flush`
 * publishes the rings and rings the doorbells. The receiver takes descriptors in its turn (`#receive`), checks them
 * (`inbound.ts`), and appends them to the completion queues of the queue pairs. `release` returns the slots
 * (`returns.ts`).
 *
 * The messages of connections (`rc_qp.ts`) take the same path; MADs to other ports do too (`gsi.ts`), those to the
 * subnet administrator go to the manager.
 *
 * A protocol violation of a peer, or a failed system call for a link, ends that link and is counted. Experiments with
 * stopped processes led to the rules of out_link.ts (share, credit and pause) and ring.ts (one wake request per link),
 * which document the results.
 */

import { Listeners } from "../../base/listeners.ts";
import type { IpoibError } from "../../base/errors.ts";
import { createEventFd } from "../../system/event_fd.ts";
import type { Fd } from "../../system/fd.ts";
import type { Reactor, Sleeper, Watch } from "../../system/reactor.ts";
import { type FaultSettings, NO_FAULTS } from "../../subnet/fault_messages.ts";
import type { SubnetSnapshot } from "../../subnet/messages.ts";
import { portSocketPath } from "../../subnet/sockets.ts";
import type {
  AddressHandle,
  AddressHandleAttributes,
} from "../address_handle.ts";
import type { HcaPort, MadAgent, PortEvent } from "../hca.ts";
import type { PortAttributes } from "../port_attributes.ts";
import type { RcQp, RcQpOptions } from "../rc_qp.ts";
import type { SendMemory } from "../send_memory.ts";
import type { ObservedMad, ObservedPacket } from "../observed.ts";
import type { UdQp, UdQpOptions } from "../ud_qp.ts";
import { type MadAddress, MadView, MgmtClass } from "../../wire/mad.ts";
import { MadAgents } from "../mad_agents.ts";
import { PacketObservers } from "../packet_observers.ts";
import type { Credit } from "./credit.ts";
import { SoftAddressHandle } from "./address_handle.ts";
import { Gsi } from "./gsi.ts";
import type { InLink } from "./in_link.ts";
import { Inbound } from "./inbound.ts";
import { IncomingLinks } from "./incoming_links.ts";
import { Moderator } from "./moderation.ts";
import type { OutLink } from "./out_link.ts";
import { Outbound, type OutboundParts } from "./outbound.ts";
import { PendingList } from "../../base/pending_list.ts";
import { counterIndex, PortCounters } from "./port_counters.ts";
import { QueuePairs } from "./queue_pairs.ts";
import { Registration, type RegistrationOptions } from "./registration.ts";
import { Returns } from "./returns.ts";
import type { SlotPool } from "./slot_pool.ts";

const CQ_EVENTS = counterIndex("cq_events");
/** Maximum number of descriptors taken from one link in one turn, so that the other links and the device are served. */
const RECEIVE_BUDGET = 32;
/** Maximum number of unpublished returns during a sleep, whose system call submits the writes out of these slots. */
const MAX_UNPUBLISHED_RETURNS = 4;

/** Options of {@linkcode SoftPort}. */
export interface SoftPortOptions extends RegistrationOptions {
  reactor: Reactor;
  /** Called after a system call for a link or for the connection to the manager failed and closed it. */
  onFailure?: (error: IpoibError) => void;
}

/** See {@linkcode HcaPort}. */
export class SoftPort implements HcaPort, Sleeper {
  readonly counted = new PortCounters();

  readonly #onFailure: (error: IpoibError) => void;
  readonly #agents = new MadAgents(
    (mad, to) => this.#sendMad(mad, to),
    () => this.counted.add("mads_no_agent"),
  );
  /** The doorbell that peers ring while this process sleeps; undefined if the reactor has no doorbells. */
  readonly #eventFd: Fd | undefined;
  readonly #eventFdWatch: Watch | undefined;
  readonly #inbound = new Inbound(this);
  readonly #incoming: IncomingLinks;
  readonly #returns: Returns;
  readonly #moderator: Moderator;
  readonly #qps: QueuePairs;
  readonly #gsi: Gsi;
  readonly #outboundParts: OutboundParts;
  /** One for each send memory. */
  readonly #outbounds: Outbound[] = [];
  readonly #written = new PendingList<OutLink>();
  readonly #touched = new PendingList<SlotPool>();
  /** Only these memories are visited in a turn, so that idle ones cost nothing. */
  readonly #needy = new PendingList<Credit>();
  readonly #observers = new PacketObservers();
  readonly #registration: Registration;
  readonly #events = new Listeners<[PortEvent]>();
  readonly #credit = new Listeners<[]>();
  readonly #directory: string;
  /** Removes the port from the reactor, which may go on. */
  readonly #leaveReactor: readonly (() => void)[];
  #faults = NO_FAULTS;
  #guid = "";
  #nextMemory = 0;
  #closed = false;
  /** True if the reactor was allowed to wait in its last turn. */
  #asleep = false;

  /** Opens the port and starts its registration. Throws `E_EVENTFD` if no doorbell can be created. */
  constructor(options: SoftPortOptions) {
    const { reactor } = options;
    const { counted } = this;
    this.#directory = options.directory;
    this.#onFailure = options.onFailure ?? (() => {});
    if (reactor.doorbells) {
      this.#eventFd = createEventFd();
      this.#eventFdWatch = reactor.doorbells.watch(this.#eventFd.number);
    }
    const failed = (error: IpoibError) => this.#fail(error);
    this.#registration = new Registration(reactor, options, {
      onMad: (mad, from) => this.#agents.deliver(mad, from),
      onEvent: (event) => this.#events.call(event),
      onGuid: (guid) => this.#listen(guid),
      onFabric: () => this.#followFabric(),
      onFaults: (faults, guid) => this.#setFaults(faults, guid),
      failed,
    });
    const registration = this.#registration;
    const { fabric } = registration;
    this.#returns = new Returns(reactor);
    this.#incoming = new IncomingLinks({
      reactor,
      counted,
      eventFd: this.#eventFd?.number,
      secret: registration.secret,
      returns: this.#returns.links,
      find: (guid) => fabric.find(guid),
      pkeys: () => registration.attributes.pkeys,
      closing: (link) => this.#inbound.linkEnding(link),
      failed,
    });
    this.#moderator = new Moderator(
      reactor,
      this.#inbound.all,
      this.#inbound.arrived,
      () => this.#takeAll(false),
      () => counted.values[CQ_EVENTS]!++,
    );
    const inbound = this.#inbound;
    this.#outboundParts = {
      ...{ reactor, counted, inbound, fabric, failed },
      port: registration,
      eventFd: this.#eventFd?.number,
      written: this.#written,
      touched: this.#touched,
      credit: this.#credit,
      needy: this.#needy,
      path: (guid) => portSocketPath(this.#directory, guid),
      guid: () => this.#guid,
    };
    this.#qps = new QueuePairs({
      ...{ reactor, counted },
      port: registration,
      inbound,
      returns: this.#returns,
      moderator: this.#moderator,
      observers: this.#observers,
    });
    this.#gsi = new Gsi({
      port: registration,
      counted,
      outbounds: this.#outbounds,
      onMad: (mad, from) => this.#agents.deliver(mad, from),
    });
    inbound.onMad = (link, slot, length) =>
      this.#gsi.receive(link, slot, length);
    this.#leaveReactor = [
      reactor.addSleeper(this),
      reactor.onTurnEnd(() => this.flush()),
    ];
    registration.start();
  }

  get attributes(): PortAttributes {
    return this.#registration.attributes;
  }

  /** Throws `E_MEMFD` or `E_MMAP`. */
  openSendMemory(): SlotPool {
    const outbound = new Outbound(this.#outboundParts, this.#nextMemory++);
    outbound.setFaults(this.#faults, this.#guid);
    this.#outbounds.push(outbound);
    return outbound.pool;
  }

  closeSendMemory(memory: SendMemory): void {
    const at = this.#outbounds.findIndex(({ pool }) => pool === memory);
    if (at < 0) return;
    const [outbound] = this.#outbounds.splice(at, 1);
    outbound!.close();
  }

  createUdQp(options: UdQpOptions): UdQp {
    const outbound = this.#outboundOf(options.memory);
    outbound.usePartition(this.attributes.pkeys[options.pkeyIndex] ?? 0);
    return this.#qps.createUd(outbound, options);
  }

  createRcQp(options: RcQpOptions): RcQp {
    return this.#qps.createRc(options);
  }

  createAddressHandle(attributes: AddressHandleAttributes): AddressHandle {
    return new SoftAddressHandle(attributes, this.attributes.gid);
  }

  openMadAgent(mgmtClass: number): MadAgent {
    return this.#agents.open(mgmtClass);
  }

  onCredit(listener: () => void): () => void {
    return this.#credit.add(listener);
  }

  onEvent(listener: (event: PortEvent) => void): () => void {
    return this.#events.add(listener);
  }

  observe(listener: (packet: ObservedPacket) => void): () => void {
    return this.#observers.add(listener);
  }

  observeMads(listener: (mad: ObservedMad) => void): () => void {
    return this.#agents.observe(listener);
  }

  counters(): Record<string, number> {
    return {
      ...this.counted.snapshot(),
      links: this.#incoming.count,
      rc_qps: this.#qps.connected,
    };
  }

  /** Requests a snapshot of the subnet: see {@linkcode Registration.show}. */
  showSubnet(done: (subnet: SubnetSnapshot) => void): void {
    this.#registration.show(done);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const leave of this.#leaveReactor) leave();
    this.#qps.closeAll();
    this.#registration.close();
    this.#moderator.close();
    this.#incoming.closeAll();
    for (const { pool } of [...this.#outbounds]) this.closeSendMemory(pool);
    this.#eventFdWatch?.close();
    this.#eventFd?.close();
  }

  // Sending -------------------------------------------------------------------------------------------------

  flush(): void {
    const written = this.#written;
    while (written.count > 0) written.take().publish();
    const touched = this.#touched;
    while (touched.count > 0) touched.take().post();
  }

  #outboundOf(memory: SendMemory): Outbound {
    return this.#outbounds.find(({ pool }) => pool === memory)!;
  }

  #sendMad(mad: Uint8Array, to: MadAddress): void {
    const { smLid } = this.attributes;
    const administrator = to.lid === smLid ||
      MadView.of(mad).mgmtClass === MgmtClass.SubnAdm;
    if (!administrator && this.#gsi.send(mad, to)) return;
    if (!this.#registration.sendMad(mad, to)) this.counted.add("mads_dropped");
  }

  // Receiving -----------------------------------------------------------------------------------------------

  beforeSleep(): boolean {
    this.#asleep = false;
    const { pending } = this.#returns;
    if (pending && this.#returns.count > MAX_UNPUBLISHED_RETURNS) return true;
    const { active } = this.#incoming;
    const { threshold } = this.#moderator;
    // With packets to take, the port does not sleep and needs no doorbell.
    for (let i = 0; i < active.length; i++) {
      if (active[i]!.ring.has(threshold)) return true;
    }
    let busy = false;
    const needy = this.#needy;
    for (let i = needy.count - 1; i >= 0; i--) {
      const credit = needy.at(i);
      if (!credit.needsSlots) needy.remove(credit);
      else if (credit.announce()) busy = true;
    }
    for (let i = 0; i < active.length; i++) {
      const { ring } = active[i]!;
      ring.announceSleep(threshold);
      if (ring.has(threshold)) busy = true;
    }
    if (pending && this.#returns.wanted) busy = true;
    this.#asleep = !busy;
    return busy;
  }

  afterSleep(): void {
    if (this.#returns.pending) this.#returns.flush();
    const needy = this.#needy;
    for (let i = 0; i < needy.count; i++) needy.at(i).retract();
    this.#takeAll(this.#asleep);
    for (let i = 0; i < needy.count; i++) needy.at(i).give();
  }

  /** Takes descriptors from all active rings; `woken` if the port slept until now. */
  #takeAll(woken: boolean): void {
    const { active } = this.#incoming;
    let more = false;
    for (let i = active.length - 1; i >= 0; i--) {
      const link = active[i]!;
      link.ring.retractSleep();
      if (this.#receive(link)) more = true;
    }
    if (this.#moderator.active) this.#moderator.settle(more, woken);
    this.#gsi.deliver();
  }

  /** Takes up to {@linkcode RECEIVE_BUDGET} descriptors of a link. Returns true if more are waiting. */
  #receive(link: InLink): boolean {
    const waiting = link.ring.waiting();
    if (waiting === 0) {
      this.#incoming.park(link);
      return false;
    }
    link.quietTurns = 0;
    link.bell.progress();
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
      this.#incoming.close(link);
      return false;
    }
    this.#moderator.deliver();
    this.#returns.publish();
    return waiting > budget;
  }

  // Links ---------------------------------------------------------------------------------------------------

  /** Listens for links under this GUID. */
  #listen(guid: string): void {
    if (this.#guid === guid) return;
    this.#incoming.listen(portSocketPath(this.#directory, guid));
    this.#guid = guid;
  }

  #followFabric(): void {
    this.#incoming.refresh();
    for (const outbound of this.#outbounds) outbound.refresh();
  }

  #setFaults(faults: FaultSettings, guid: string): void {
    this.#faults = faults;
    for (const outbound of this.#outbounds) outbound.setFaults(faults, guid);
  }

  #fail(error: IpoibError): void {
    this.counted.add("links_failed");
    this.#onFailure(error);
  }
}
