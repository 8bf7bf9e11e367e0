/**
 * Injects packet faults into the traffic of one send memory, between `post` and the links.
 *
 * 1. Decision: the packet is dropped, duplicated or marked for reordering (fault_decisions.ts).
 * 2. Rate: a token bucket with a depth of one packet gives the time at which the link has carried the packet.
 * 3. Delay: the delay, varied by the jitter, is added to that time.
 * 4. A packet that is not due now is stored (fault_store.ts) and sent by a timer.
 *
 * The messages of a connection reach the next stage in their order, each once, as if the requester had repeated those
 * that were lost ({@linkcode FaultInjector.pushConnected}).
 *
 * Stored packets keep their slots. They occupy at most three quarters of the pool, and a packet is stored only while
 * the packets stored for its receiver are fewer than those that could still be stored. Other packets are dropped and
 * counted as `fault_overflow`. While no rule is set, `on` is false and the data path checks nothing else.
 */

import {
  type FaultRule,
  type FaultSettings,
  ruleFor,
} from "../../subnet/fault_messages.ts";
import type { Reactor } from "../../system/reactor.ts";
import { PostResult } from "../post_result.ts";
import { FaultDecisions } from "./fault_decisions.ts";
import {
  FaultStore,
  type StoredFlow,
  type StoredPacket,
} from "./fault_store.ts";
import { counterIndex, type PortCounters } from "./port_counters.ts";
import { PAYLOAD, STRIDE } from "./slot_layout.ts";
import { ENCAP_LENGTH, type Millis } from "../../base/units.ts";

const FAULT_DROP = counterIndex("fault_drop");
const FAULT_DELAY = counterIndex("fault_delay");
const FAULT_DUPLICATE = counterIndex("fault_duplicate");
const FAULT_REORDER = counterIndex("fault_reorder");
const FAULT_RATE = counterIndex("fault_rate");
const FAULT_OVERFLOW = counterIndex("fault_overflow");
const RC_RETRANSMITTED = counterIndex("rc_retransmitted");

/** Time that a reordered packet waits for its successor, in addition to its delay. */
export const OVERTAKE_MS = 20;
/** Share of the pool that stored packets may occupy. */
const STORE_SHARE = 0.75;

/** The properties of a link that the injector uses. */
export interface FaultLink {
  /** Port GUID of the receiver. */
  readonly guid: string;
  readonly open: boolean;
}

/** The operations of a send memory that the injector uses. */
export interface FaultPool {
  readonly slots: number;
  readonly bytes: Uint8Array;
  reserve(urgent?: boolean): number;
  unref(slot: number): void;
}

/** A connection's state in the injector. */
export interface FaultFlow extends StoredFlow {
  /** Due time of the message stored last. */
  lastDue: Millis;
  /** Number of times that a lost message is sent again. */
  readonly retryCount: number;
  /** Local ACK timeout. */
  readonly ackTimeout: Millis;
  /** Called when a message was lost in all attempts: the connection fails. */
  exhausted(): void;
}

/** The next stage of the data path. */
export interface FaultNext<Link> {
  /** Sends a packet on the link. The caller keeps the slot unless the result is `Sent`. */
  push(link: Link, slot: number, length: number): PostResult;
  /** Called after the timer has sent or dropped stored packets. */
  drained(): void;
}

/** The fault state of the packets to one receiver. */
interface Peer {
  readonly unicast: FaultDecisions;
  readonly multicast: FaultDecisions;
  /** Time at which the link has carried all packets so far, at the rule's rate. */
  freeAt: number;
  /** Number of stored packets. */
  stored: number;
}

/** The fault injector of one send memory. */
export class FaultInjector<Link extends FaultLink> {
  /** True while a rule applies to the port. */
  on = false;
  readonly #reactor: Reactor;
  readonly #pool: FaultPool;
  readonly #counted: PortCounters;
  readonly #next: FaultNext<Link>;
  readonly #store: FaultStore<Link, Peer>;
  readonly #peers = new Map<string, Peer>();
  #rule: FaultRule | undefined;
  #guid = "";

  constructor(
    reactor: Reactor,
    pool: FaultPool,
    counted: PortCounters,
    next: FaultNext<Link>,
  ) {
    this.#reactor = reactor;
    this.#pool = pool;
    this.#counted = counted;
    this.#next = next;
    this.#store = new FaultStore(
      reactor,
      (packet) => this.#leave(packet),
      () => next.drained(),
    );
  }

  /** Applies the subnet's settings for the port with this GUID. An unchanged rule keeps its packet counts. */
  configure(settings: FaultSettings, guid: string): void {
    const rule = ruleFor(settings, guid);
    if (rule?.since === this.#rule?.since && guid === this.#guid) return;
    this.#rule = rule;
    this.#guid = guid;
    this.#peers.clear();
    this.on = rule !== undefined;
    // Without faults, later messages would overtake them.
    this.#store.releaseFlows();
  }

  /**
   * Sends, stores, duplicates or drops a packet; a stored or dropped packet counts as `Sent`. The caller keeps the slot
   * for any other result.
   */
  push(
    link: Link,
    slot: number,
    length: number,
    multicast: boolean,
  ): PostResult {
    const { values } = this.#counted;
    const peer = this.#peer(link.guid);
    const decisions = multicast ? peer.multicast : peer.unicast;
    decisions.next();
    if (decisions.drop) {
      values[FAULT_DROP]!++;
      this.#pool.unref(slot);
      return PostResult.Sent;
    }
    const copy = decisions.duplicate ? this.#copy(slot, length) : -1;
    const { delay, reorder } = decisions;
    const result = this.#pass(peer, link, slot, length, delay, reorder);
    if (copy >= 0) {
      const second = this.#pass(peer, link, copy, length, delay, false);
      if (second === PostResult.Sent) values[FAULT_DUPLICATE]!++;
      else this.#pool.unref(copy);
    }
    return result;
  }

  /**
   * Sends or stores a message of a connection, or drops it and fails the connection. A message that is to be dropped or
   * reordered is lost in this attempt, because a responder discards what is out of sequence; the requester repeats it
   * when the NAK for its successor arrives, at most {@linkcode OVERTAKE_MS} later, or after the ACK timeout. A duplicate
   * only counts: the responder discards it. Messages behind a stored one wait for it. The caller keeps the slot for any
   * result but `Sent`; without space in the store the result is `NoCredit`.
   */
  pushConnected(
    link: Link,
    slot: number,
    length: number,
    flow: FaultFlow,
  ): PostResult {
    const { values } = this.#counted;
    const peer = this.#peer(link.guid);
    const decisions = peer.unicast;
    let losses = 0;
    for (
      decisions.next();
      decisions.drop || decisions.reorder;
      decisions.next()
    ) {
      values[decisions.drop ? FAULT_DROP : FAULT_REORDER]!++;
      if (++losses > flow.retryCount) {
        this.#pool.unref(slot);
        flow.exhausted();
        return PostResult.Sent;
      }
      values[RC_RETRANSMITTED]!++;
    }
    const now = this.#reactor.clock.now();
    const carried = this.#carriedAt(peer, length, now);
    const repeated = losses * Math.min(OVERTAKE_MS, flow.ackTimeout);
    const due = Math.max(carried + decisions.delay + repeated, flow.lastDue);
    if (due > now || flow.stored > 0) {
      if (!this.#hasSpace(peer)) return PostResult.NoCredit;
      peer.stored++;
      flow.stored++;
      flow.lastDue = due;
      this.#store.add(peer, link, slot, length, due, flow);
      if (decisions.delay > 0) values[FAULT_DELAY]!++;
      if (carried > now) values[FAULT_RATE]!++;
    } else {
      const result = this.#next.push(link, slot, length);
      if (result !== PostResult.Sent) return result;
    }
    peer.freeAt = carried;
    if (decisions.duplicate) values[FAULT_DUPLICATE]!++;
    return PostResult.Sent;
  }

  /** Discards the stored packets without releasing their slots: the pool is about to close. */
  close(): void {
    this.on = false;
    this.#store.close();
  }

  #pass(
    peer: Peer,
    link: Link,
    slot: number,
    length: number,
    delay: number,
    reorder: boolean,
  ): PostResult {
    const { values } = this.#counted;
    const now = this.#reactor.clock.now();
    const carried = this.#carriedAt(peer, length, now);
    const due = carried + delay;
    const overtaken = reorder && !this.#store.hasOvertaken(peer);
    if (due > now || overtaken) {
      if (!this.#hasSpace(peer)) {
        values[FAULT_OVERFLOW]!++;
        this.#pool.unref(slot);
        return PostResult.Sent;
      }
      peer.freeAt = carried;
      peer.stored++;
      if (delay > 0) values[FAULT_DELAY]!++;
      if (carried > now) values[FAULT_RATE]!++;
      if (overtaken) {
        values[FAULT_REORDER]!++;
        this.#store.addOvertaken(peer, link, slot, length, due + OVERTAKE_MS);
        return PostResult.Sent;
      }
      this.#store.add(peer, link, slot, length, due);
      this.#store.overtake(peer, due);
      return PostResult.Sent;
    }
    peer.freeAt = carried;
    const result = this.#next.push(link, slot, length);
    this.#store.overtake(peer, now);
    return result;
  }

  /** Returns the time at which the link has carried this packet too; `now` without a rate. */
  #carriedAt(peer: Peer, length: number, now: number): number {
    const rate = this.#rule?.rate;
    if (rate === undefined) return now;
    const bits = 8 * (length + ENCAP_LENGTH);
    return Math.max(now, peer.freeAt) + bits / (rate * 1000);
  }

  #hasSpace(peer: Peer): boolean {
    const limit = Math.floor(STORE_SHARE * this.#pool.slots);
    return peer.stored < limit - this.#store.size;
  }

  /** Sends a stored packet that is due, or drops and counts it. */
  #leave({ peer, link, slot, length, flow }: StoredPacket<Link, Peer>): void {
    peer.stored--;
    if (flow) flow.stored--;
    const result = link.open
      ? this.#next.push(link, slot, length)
      : PostResult.Unreachable;
    if (result === PostResult.Sent) return;
    this.#counted.add(link.open ? "xmit_no_credit" : "xmit_unreachable");
    this.#pool.unref(slot);
  }

  /**
   * Copies a packet into another slot, because a peer must not hold the same slot twice. Returns -1, and counts
   * the overflow, if no slot is free.
   */
  #copy(slot: number, length: number): number {
    const copy = this.#pool.reserve(true);
    if (copy < 0) {
      this.#counted.values[FAULT_OVERFLOW]!++;
      return -1;
    }
    const from = slot * STRIDE;
    const { bytes } = this.#pool;
    bytes.copyWithin(copy * STRIDE, from, from + PAYLOAD + length);
    return copy;
  }

  #peer(guid: string): Peer {
    let peer = this.#peers.get(guid);
    if (!peer) {
      const rule = this.#rule!;
      peer = {
        unicast: new FaultDecisions(rule, this.#guid, guid, false),
        multicast: new FaultDecisions(rule, this.#guid, guid, true),
        freeAt: 0,
        stored: 0,
      };
      this.#peers.set(guid, peer);
    }
    return peer;
  }
}
