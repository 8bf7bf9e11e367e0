/**
 * The neighbours of an interface and their resolution.
 *
 * The kernel knows no neighbours on a TUN, so this is the neighbour table of the link: states and timers as in
 * Linux's (nud.ts), entries found by ARP (arp.ts), the way to each from the path table. A neighbour has an address
 * handle exactly while packets can be sent to it.
 */

import type { Millis } from "../../base/units.ts";
import {
  type LinkAddress,
  linkAddressEquals,
} from "../../wire/link_address.ts";
import { Arp, IDLE_MS, REAP_INTERVAL_MS } from "../constants.ts";
import type { WaitingPacket } from "../packet_queue.ts";
import type { Path, PathTable } from "../path.ts";
import { Neighbour } from "./neighbour.ts";
import { isUsable, type NudEvent, NudState, stepNud } from "./nud.ts";

/** What the table asks its interface to do. */
export interface NeighbourHost {
  /** Broadcasts "who has". */
  askAll(address: number): void;
  /** Asks the neighbour itself whether it is still there. */
  askOne(neighbour: Neighbour): void;
  /** Sends packets that waited. */
  sendWaiting(neighbour: Neighbour, packets: WaitingPacket[]): void;
  /** Drops packets that waited in vain. */
  dropWaiting(neighbour: Neighbour, packets: WaitingPacket[]): void;
  /** From 0 to 1. */
  random(): number;
  /** Cached references to neighbours are no longer good. */
  onRemoved(): void;
  /** The next {@linkcode NeighbourTable.tick} is due then. */
  scheduleTick(when: Millis): void;
}

export class NeighbourTable {
  readonly #host: NeighbourHost;
  readonly #paths: PathTable;
  readonly #entries = new Map<number, Neighbour>();
  #nextReap = Infinity;

  constructor(host: NeighbourHost, paths: PathTable) {
    this.#host = host;
    this.#paths = paths;
    paths.onChange = (path) => this.#onPathChange(path);
  }

  get size(): number {
    return this.#entries.size;
  }

  entries(): Neighbour[] {
    return [...this.#entries.values()];
  }

  find(address: number): Neighbour | undefined {
    return this.#entries.get(address);
  }

  /** The entry of an address, made if need be. */
  get(address: number, now: Millis): Neighbour {
    let neighbour = this.#entries.get(address);
    if (!neighbour) {
      if (this.#entries.size >= Arp.MaxEntries) this.#makeRoom();
      neighbour = new Neighbour(address, now);
      this.#entries.set(address, neighbour);
      if (this.#nextReap === Infinity) this.#nextReap = now + REAP_INTERVAL_MS;
      this.#schedule();
    }
    return neighbour;
  }

  /** A packet goes to a neighbour that is not known to be reachable right now. */
  use(neighbour: Neighbour, now: Millis): void {
    neighbour.usedAt = now;
    if (neighbour.nud.state !== NudState.Reachable) {
      this.#step(neighbour, "use", now);
    }
  }

  /** Keeps a packet until the neighbour is resolved; false if too many wait. */
  enqueue(neighbour: Neighbour, packet: WaitingPacket, now: Millis): boolean {
    const taken = neighbour.queue.push(packet);
    this.use(neighbour, now);
    if (isUsable(neighbour.nud.state)) this.#findPath(neighbour, now);
    return taken;
  }

  /** Packets to the neighbour are not delivered: its path and its address are asked for again. */
  lost(neighbour: Neighbour, now: Millis): void {
    if (neighbour.path) this.#paths.invalidate(neighbour.path);
    this.#step(neighbour, "lost", now);
  }

  /** The neighbour answered our request. */
  confirm(neighbour: Neighbour, address: LinkAddress, now: Millis): void {
    neighbour.confirmedAt = now;
    this.#setAddress(neighbour, address, now);
    this.#step(neighbour, "reply", now);
    this.#findPath(neighbour, now);
  }

  /**
   * The neighbour told its address by itself. An address that just changed is not changed again at once, except by an
   * announcement (Linux arp_process behaviour).
   */
  hear(
    neighbour: Neighbour,
    address: LinkAddress,
    now: Millis,
    announced = false,
  ): void {
    const known = neighbour.lladdr;
    const same = known !== undefined && linkAddressEquals(known, address);
    if (
      !same && known && !announced && isUsable(neighbour.nud.state) &&
      now - neighbour.updatedAt < Arp.LockMs
    ) return;
    if (!same && neighbour.nud.state === NudState.Reachable) {
      neighbour.nud.state = NudState.Stale;
    }
    this.#setAddress(neighbour, address, now);
    // What we know already proves nothing and changes nothing (Linux neigh_update behaviour).
    if (!same || !isUsable(neighbour.nud.state)) {
      this.#step(neighbour, "heard", now);
    }
    this.#findPath(neighbour, now);
  }

  /** Runs what is due. */
  tick(now: Millis): void {
    for (const neighbour of this.#entries.values()) {
      if (neighbour.nud.deadline <= now) this.#step(neighbour, "timer", now);
    }
    if (this.#nextReap <= now) {
      this.#reap(now, IDLE_MS);
      this.#nextReap = this.#entries.size ? now + REAP_INTERVAL_MS : Infinity;
    }
    this.#schedule();
  }

  /** Removes one entry, or all; returns how many. */
  flush(address?: number): number {
    const gone = address === undefined
      ? this.entries()
      : this.entries().filter((entry) => entry.address === address);
    for (const neighbour of gone) this.#remove(neighbour);
    return gone.length;
  }

  #step(neighbour: Neighbour, event: NudEvent, now: Millis): void {
    const action = stepNud(neighbour.nud, event, now, this.#host.random());
    if (!isUsable(neighbour.nud.state)) neighbour.ah = undefined;
    switch (action) {
      case "broadcast":
        if (neighbour.path) this.#paths.doubt(neighbour.path, now);
        this.#host.askAll(neighbour.address);
        break;
      case "unicast":
        // A probe without an answer: the neighbour may be gone, or be elsewhere.
        if (neighbour.path && neighbour.nud.probes > 1) {
          this.#paths.doubt(neighbour.path, now);
        }
        this.#host.askOne(neighbour);
        break;
      case "fail":
        this.#host.dropWaiting(neighbour, neighbour.queue.take());
        break;
      case "none":
        break;
    }
    this.#schedule();
  }

  #setAddress(neighbour: Neighbour, address: LinkAddress, now: Millis): void {
    const known = neighbour.lladdr;
    if (known && linkAddressEquals(known, address)) return;
    neighbour.lladdr = address;
    neighbour.qpn = address.qpn;
    neighbour.path = undefined;
    neighbour.ah = undefined;
    neighbour.updatedAt = now;
  }

  /** Gets the handle for a neighbour whose address is known. */
  #findPath(neighbour: Neighbour, now: Millis): void {
    const { lladdr } = neighbour;
    if (!lladdr || neighbour.ah || neighbour.asking) return;
    neighbour.asking = true;
    this.#paths.request(lladdr.gid, now, (path) => {
      neighbour.asking = false;
      if (this.#entries.get(neighbour.address) !== neighbour) return;
      if (neighbour.lladdr !== lladdr) {
        // The address changed while the path of the old one was asked for.
        this.#findPath(neighbour, now);
      } else if (path) {
        neighbour.path = path;
        if (isUsable(neighbour.nud.state)) neighbour.ah = path.ah;
        this.#host.sendWaiting(neighbour, neighbour.queue.take());
      } else {
        this.#host.dropWaiting(neighbour, neighbour.queue.take());
      }
    });
  }

  #onPathChange(path: Path): void {
    for (const neighbour of this.#entries.values()) {
      if (neighbour.path !== path) continue;
      neighbour.ah = isUsable(neighbour.nud.state) ? path.ah : undefined;
    }
  }

  #reap(now: Millis, idle: Millis): void {
    for (const neighbour of this.entries()) {
      const { state } = neighbour.nud;
      const resting = state === NudState.Stale || state === NudState.Failed ||
        state === NudState.None || state === NudState.Reachable;
      if (resting && now - neighbour.usedAt >= idle) this.#remove(neighbour);
    }
  }

  /** The table is full: those that were used longest ago go. */
  #makeRoom(): void {
    const oldest = this.entries().sort((a, b) => a.usedAt - b.usedAt);
    for (const neighbour of oldest.slice(0, Arp.MaxEntries / 8)) {
      this.#remove(neighbour);
    }
  }

  #remove(neighbour: Neighbour): void {
    this.#entries.delete(neighbour.address);
    neighbour.ah = undefined;
    this.#host.dropWaiting(neighbour, neighbour.queue.take());
    this.#host.onRemoved();
  }

  #schedule(): void {
    let first = this.#nextReap;
    for (const { nud } of this.#entries.values()) {
      if (nud.deadline < first) first = nud.deadline;
    }
    this.#host.scheduleTick(first);
  }
}
