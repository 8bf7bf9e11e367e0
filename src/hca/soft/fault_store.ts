/**
 * Packets that are held back, by the time when they are due: the earliest first, equals in the order of arrival.
 *
 * A packet that is to be overtaken is due at the latest at its own deadline; when its successor on the link gets a time,
 * it gets the same, behind it.
 */

import type { Millis } from "../../base/units.ts";
import type { Reactor, Timer } from "../../system/reactor.ts";

/** A packet that waits. */
export interface StoredPacket<Link, Peer> {
  peer: Peer;
  link: Link;
  slot: number;
  length: number;
  due: Millis;
}

/** See above. */
export class FaultStore<Link, Peer> {
  readonly #reactor: Reactor;
  readonly #timer: Timer;
  readonly #leave: (packet: StoredPacket<Link, Peer>) => void;
  readonly #drained: () => void;
  readonly #packets: StoredPacket<Link, Peer>[] = [];
  readonly #overtaken = new Map<Peer, StoredPacket<Link, Peer>>();

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

  get size(): number {
    return this.#packets.length;
  }

  add(
    peer: Peer,
    link: Link,
    slot: number,
    length: number,
    due: Millis,
  ): void {
    this.#insert({ peer, link, slot, length, due });
  }

  /** Adds a packet that waits for its successor; `due` if none comes. */
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

  /** True if a packet of this peer waits for its successor. */
  hasOvertaken(peer: Peer): boolean {
    return this.#overtaken.size > 0 && this.#overtaken.has(peer);
  }

  /** The successor goes out at `due`: so does the packet that waited for it. */
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

  /** Forgets every packet; their slots go with the pool. */
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
