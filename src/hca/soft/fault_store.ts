/**
 * Stored packets of the fault injector, ordered by due time; packets with equal due times keep their order of arrival.
 *
 * A reordered packet waits for its successor to the same receiver until its own due time. When the successor gets its
 * due time, the packet takes the same one and is queued behind it.
 */

import type { Millis } from "../../base/units.ts";
import type { Reactor, Timer } from "../../system/reactor.ts";

/** The messages of a connection that a store contains. They leave it in the order in which they were added. */
export interface StoredFlow {
  /** Number of stored messages. */
  stored: number;
}

/** A stored packet. */
export interface StoredPacket<Link, Peer> {
  peer: Peer;
  link: Link;
  slot: number;
  length: number;
  due: Millis;
  /** Present for a message of a connection. */
  flow?: StoredFlow;
}

/** The packets that one fault injector stores. */
export class FaultStore<Link, Peer> {
  readonly #reactor: Reactor;
  readonly #timer: Timer;
  readonly #leave: (packet: StoredPacket<Link, Peer>) => void;
  readonly #drained: () => void;
  readonly #packets: StoredPacket<Link, Peer>[] = [];
  readonly #overtaken = new Map<Peer, StoredPacket<Link, Peer>>();

  /**
   * @param leave called with each packet that leaves the store
   * @param drained called after the timer has removed packets
   */
  constructor(
    reactor: Reactor,
    leave: (packet: StoredPacket<Link, Peer>) => void,
    drained: () => void,
  ) {
    this.#reactor = reactor;
    this.#leave = leave;
    this.#drained = drained;
    this.#timer = reactor.timer((now) => this.#run(now));
  }

  /** Number of stored packets. */
  get size(): number {
    return this.#packets.length;
  }

  /** Stores a packet until `due`; messages of one flow must be stored in the order of their due times. */
  add(
    peer: Peer,
    link: Link,
    slot: number,
    length: number,
    due: Millis,
    flow?: StoredFlow,
  ): void {
    this.#insert({ peer, link, slot, length, due, ...(flow ? { flow } : {}) });
  }

  /** Removes the messages of connections before they are due. */
  releaseFlows(): void {
    const flows = this.#packets.filter(({ flow }) => flow !== undefined);
    for (const packet of flows) {
      this.#packets.splice(this.#packets.indexOf(packet), 1);
      this.#leave(packet);
    }
  }

  /** Stores a packet that waits for its successor, at most until `due`. */
  addOvertaken(
    peer: Peer,
    link: Link,
    slot: number,
    length: number,
    due: Millis,
  ): void {
    const packet = { peer, link, slot, length, due };
    this.#overtaken.set(peer, packet);
    this.#insert(packet);
  }

  /** True if a packet to this receiver waits for its successor. */
  hasOvertaken(peer: Peer): boolean {
    return this.#overtaken.size > 0 && this.#overtaken.has(peer);
  }

  /** Makes the packet that waits for its successor, if any, due at `due`, the successor's due time. */
  overtake(peer: Peer, due: Millis): void {
    if (this.#overtaken.size === 0) return;
    const packet = this.#overtaken.get(peer);
    if (!packet) return;
    this.#overtaken.delete(peer);
    this.#packets.splice(this.#packets.indexOf(packet), 1);
    if (due <= this.#reactor.clock.now()) return this.#leave(packet);
    packet.due = due;
    this.#insert(packet);
  }

  /** Discards all packets without releasing their slots: the pool is about to close. */
  close(): void {
    this.#packets.length = 0;
    this.#overtaken.clear();
    this.#timer.close();
  }

  #insert(packet: StoredPacket<Link, Peer>): void {
    const packets = this.#packets;
    let at = packets.length;
    while (at > 0 && packets[at - 1]!.due > packet.due) at--;
    packets.splice(at, 0, packet);
    if (at === 0) this.#timer.at(packet.due);
  }

  #run(now: Millis): void {
    while (this.#packets.length > 0 && this.#packets[0]!.due <= now) {
      const packet = this.#packets.shift()!;
      if (this.#overtaken.get(packet.peer) === packet) {
        this.#overtaken.delete(packet.peer);
      }
      this.#leave(packet);
    }
    this.#timer.at(this.#packets[0]?.due ?? Infinity);
    this.#drained();
  }
}
