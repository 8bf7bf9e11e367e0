/**
 * Disturbs what is sent from one memory: a middleware between `post` and the links.
 *
 * 1. fate: dropped, or copied, or marked to be overtaken (fault_fate.ts);
 * 2. rate: when the link would have carried it, as a token bucket one packet deep has it;
 * 3. delay: that much later, more or less by the jitter;
 * 4. what is not due now is stored (fault_store.ts) and goes out by a timer.
 *
 * Stored packets keep their slots. They may have three quarters of the pool, and one link never more than the others
 * could still have; what goes beyond is dropped and counted as `fault_overflow`. While nothing is set, `on` is false and
 * the data path looks at nothing else.
 */

import {
  type FaultRule,
  type FaultSettings,
  ruleFor,
} from "../../subnet/fault_messages.ts";
import type { Reactor } from "../../system/reactor.ts";
import { PostResult } from "../hca.ts";
import { Fates } from "./fault_fate.ts";
import { FaultStore, type StoredPacket } from "./fault_store.ts";
import { counterIndex, type PortCounters } from "./port_counters.ts";
import { PAYLOAD, STRIDE } from "./slot_layout.ts";
import { ENCAP_LENGTH } from "../../base/units.ts";

const FAULT_DROP = counterIndex("fault_drop");
const FAULT_DELAY = counterIndex("fault_delay");
const FAULT_DUPLICATE = counterIndex("fault_duplicate");
const FAULT_REORDER = counterIndex("fault_reorder");
const FAULT_RATE = counterIndex("fault_rate");
const FAULT_OVERFLOW = counterIndex("fault_overflow");

/** How long a packet waits to be overtaken if none follows it. */
export const OVERTAKE_MS = 20;
/** The part of the pool that stored packets may have. */
const STORE_SHARE = 0.75;

/** What the injector needs to know of a link. */
export interface FaultLink {
  /** The receiver. */
  readonly guid: string;
  readonly open: boolean;
}

/** What the injector needs of the memory. */
export interface FaultPool {
  readonly slots: number;
  readonly bytes: Uint8Array;
  reserve(urgent?: boolean): number;
  unref(slot: number): void;
}

/** What comes after the injector. */
export interface FaultNext<Link> {
  /** Sends on the link; a packet that it refuses stays the caller's. */
  push(link: Link, slot: number, length: number): PostResult;
  /** Packets have gone out, or were dropped, by the timer. */
  drained(): void;
}

/** One receiver's numbers. */
interface Peer {
  readonly unicast: Fates;
  readonly multicast: Fates;
  /** When the link has carried what it was given so far. */
  freeAt: number;
  /** Packets in the store. */
  stored: number;
}

/** See above. */
export class FaultInjector<Link extends FaultLink> {
  /** False while no faults are set. */
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

  /** Takes the subnet's settings for the port with this GUID; a rule that has not changed goes on counting. */
  configure(settings: FaultSettings, guid: string): void {
    const rule = ruleFor(settings, guid);
    if (rule?.since === this.#rule?.since && guid === this.#guid) return;
    this.#rule = rule;
    this.#guid = guid;
    this.#peers.clear();
    this.on = rule !== undefined;
  }

  /** Sends a packet, later, twice or never; a slot that comes back as refused stays the caller's. */
  push(
    link: Link,
    slot: number,
    length: number,
    multicast: boolean,
  ): PostResult {
    const { values } = this.#counted;
    const peer = this.#peer(link.guid);
    const fates = multicast ? peer.multicast : peer.unicast;
    fates.next();
    if (fates.drop) {
      values[FAULT_DROP]!++;
      this.#pool.unref(slot);
      return PostResult.Sent;
    }
    const copy = fates.duplicate ? this.#copy(slot, length) : -1;
    const { delay, reorder } = fates;
    const result = this.#pass(peer, link, slot, length, delay, reorder);
    if (copy >= 0) {
      const second = this.#pass(peer, link, copy, length, delay, false);
      if (second === PostResult.Sent) values[FAULT_DUPLICATE]!++;
      else this.#pool.unref(copy);
    }
    return result;
  }

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
      if (!this.#hasRoom(peer)) {
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

  /** When the link has carried this packet too; `now` if there is no rate. */
  #carriedAt(peer: Peer, length: number, now: number): number {
    const rate = this.#rule?.rate;
    if (rate === undefined) return now;
    const bits = 8 * (length + ENCAP_LENGTH);
    return Math.max(now, peer.freeAt) + bits / (rate * 1000);
  }

  #hasRoom(peer: Peer): boolean {
    const limit = Math.floor(STORE_SHARE * this.#pool.slots);
    return peer.stored < limit - this.#store.size;
  }

  /** A packet's time has come. */
  #leave({ peer, link, slot, length }: StoredPacket<Link, Peer>): void {
    peer.stored--;
    const result = link.open
      ? this.#next.push(link, slot, length)
      : PostResult.Unreachable;
    if (result === PostResult.Sent) return;
    this.#counted.add(link.open ? "xmit_no_credit" : "xmit_unreachable");
    this.#pool.unref(slot);
  }

  /** A peer must not be given the same slot twice, so the second packet has one of its own; -1 if none is free. */
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
        unicast: new Fates(rule, this.#guid, guid, false),
        multicast: new Fates(rule, this.#guid, guid, true),
        freeAt: 0,
        stored: 0,
      };
      this.#peers.set(guid, peer);
    }
    return peer;
  }
}
