/**
 * Neighbour table of an interface: maps IP addresses to link-layer addresses, in addition to the kernel's table.
 *
 * The kernel resolves, probes and expires neighbours, but does not store the 20-byte addresses. The two tables are kept
 * consistent:
 *
 * | event                                               | action                                                    |
 * |-----------------------------------------------------|-----------------------------------------------------------|
 * | the kernel sends an ARP request or a solicitation   | creates an entry, which the reply completes               |
 * | the kernel answers one                              | creates an entry for the requester                        |
 * | the kernel's entry fails or is deleted              | removes the entry; for a static one, sets the kernel's    |
 * |                                                     | entry PERMANENT again                                     |
 * | a packet for an unresolved address                  | queues the packet; sets the kernel's entry FAILED and     |
 * |                                                     | uses it, so that the kernel sends a request               |
 * | ... while the kernel's entry is PERMANENT           | queues the packet; this process sends a request           |
 * | the kernel probes an unresolved IPv6 address        | as for a packet, because the reply may lack the address   |
 * | packets have waited for MAX_WAIT_MS                 | drops them                                                |
 * | the HCA reports a peer as unreachable               | restarts the resolution of its addresses in the same way  |
 * | the table is full                                   | removes unused entries from both tables, or else some of  |
 * |                                                     | the least recently used ones                              |
 *
 * An address that changed within the last second is not changed again, except by an announcement or by the reply to a
 * pending request (Linux `arp_process`).
 */

import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import type { Millis } from "../../base/units.ts";
import type { Reactor } from "../../system/reactor.ts";
import type { IpAddress } from "../../wire/ip_address.ts";
import {
  formatLinkAddress,
  type LinkAddress,
  linkAddressBytes,
} from "../../wire/link_address.ts";
import { AddressTable } from "../address_table.ts";
import {
  ARP_LOCK_MS,
  MAX_STATIC_NEIGHBOURS,
  MAX_WAITING_PACKETS,
} from "../constants.ts";
import type { DebugLog } from "../debug_log.ts";
import { PacketQueue } from "../packet_queue.ts";
import { isPeer, type Peer, type PeerTable } from "../peer.ts";
import type { PacketSender } from "../packet_sender.ts";
import { RoundTrips } from "../round_trips.ts";
import type { TableLimits } from "../table_limits.ts";
import { WaitingEgress, type WaitingTable } from "../waiting_egress.ts";
import { chooseEvicted } from "./eviction.ts";
import type { KernelSync } from "./kernel_sync.ts";
import { type AddressSource, Neighbour } from "./neighbour.ts";
import type { NeighbourEvents } from "./neighbour_events.ts";
import { WaitingNeighbours } from "./waiting_neighbours.ts";

/** Dependencies of a {@linkcode NeighbourTable}. */
export interface NeighbourTableParts {
  readonly reactor: Pick<Reactor, "clock" | "timer">;
  readonly sender: PacketSender;
  readonly peers: PeerTable;
  readonly kernel: KernelSync;
  readonly limits: TableLimits;
  readonly events: NeighbourEvents;
  readonly debug: DebugLog;
}

export class NeighbourTable implements WaitingTable<IpAddress> {
  /** Called after an entry that is a next hop is removed. References to it must be dropped. */
  onRemoved: () => void = () => {};
  /** Round trips to all neighbours. */
  readonly roundTrips = new RoundTrips();
  readonly #sender: PacketSender;
  readonly #peers: PeerTable;
  readonly #kernel: KernelSync;
  readonly #limits: TableLimits;
  readonly #events: NeighbourEvents;
  readonly #entries = new AddressTable<Neighbour>();
  readonly #waiting: WaitingNeighbours;
  readonly #debug: DebugLog;

  constructor(
    { reactor, sender, peers, kernel, limits, events, debug }:
      NeighbourTableParts,
  ) {
    this.#waiting = new WaitingNeighbours(reactor);
    this.#debug = debug;
    this.#sender = sender;
    this.#peers = peers;
    this.#kernel = kernel;
    this.#limits = limits;
    this.#events = events;
    peers.onLost = (peer) => this.#onPeerLost(peer);
    kernel.onRemoved = (address) => {
      // Only `ipoib neigh del` removes a static neighbour, not the kernel.
      if (this.find(address)?.isStatic) kernel.setPermanent(address);
      else this.forget(address);
    };
    kernel.onResync = (has) => this.#retain(has);
  }

  get size(): number {
    return this.#entries.size;
  }

  entries(): Neighbour[] {
    return this.#entries.values();
  }

  find(address: IpAddress): Neighbour | undefined {
    return this.#entries.get(address);
  }

  /** Returns true if the address has an entry without link-layer address. */
  isUnresolved(address: IpAddress): boolean {
    const neighbour = this.find(address);
    return neighbour !== undefined && !neighbour.peer;
  }

  /** As {@linkcode find}, for the data path. */
  findWords(
    w0: number,
    w1: number,
    w2: number,
    w3: number,
  ): Neighbour | undefined {
    return this.#entries.find(w0, w1, w2, w3);
  }

  /** Returns the entry of an address, creating it if needed. */
  get(address: IpAddress): Neighbour {
    let neighbour = this.#entries.get(address);
    if (!neighbour) {
      const { size } = this.#entries;
      const limit = this.#limits.forNew("neighbours", size);
      if (size >= limit) this.#evict(limit);
      const queue = new PacketQueue(
        this.#sender,
        MAX_WAITING_PACKETS,
        "tx_neighbour_queue",
      );
      neighbour = new Neighbour(
        address,
        queue,
        new WaitingEgress(this, address),
        this.#kernel.now(),
      );
      this.#entries.set(address, neighbour);
      this.#debug.decision(() => `Neighbour ${address} is created`);
    }
    return neighbour;
  }

  /**
   * Records a request by the kernel, sent by broadcast or by unicast. A broadcast request for a resolved neighbour, or
   * the second unicast probe without an answer, makes the path of its peer doubtful.
   */
  onKernelRequest(address: IpAddress, unicast: boolean): Neighbour {
    const neighbour = this.get(address);
    const { peer, requestPending } = neighbour;
    const timed = unicast && !requestPending && peer?.path?.ah !== undefined;
    neighbour.probedAt = timed ? this.#kernel.now() : -Infinity;
    neighbour.requestPending = true;
    if (peer && (!unicast || ++neighbour.probes > 1)) {
      this.#debug.decision(() =>
        `The path to ${address} is in doubt: the kernel asks ${
          unicast ? "again, without an answer" : "by broadcast"
        }`
      );
      this.#peers.doubt(peer, this.#kernel.now());
    }
    return neighbour;
  }

  /** Starts the resolution of a neighbour whose pending request will not complete the entry. */
  resolveAgain(neighbour: Neighbour): void {
    neighbour.requestPending = false;
    this.#kernel.requestAgain(neighbour);
  }

  /** Queues a packet for an unresolved address and starts its resolution. */
  wait(address: IpAddress, slot: number, length: number): void {
    const neighbour = this.get(address);
    neighbour.queue.push(slot, length);
    this.#waiting.add(neighbour);
    this.#kernel.requestAgain(neighbour);
  }

  /** Updates the entry of `address`, if there is one, with a received link-layer address. */
  learn(address: IpAddress, from: LinkAddress, source: AddressSource): void {
    const neighbour = this.#entries.get(address);
    if (neighbour) this.#update(neighbour, from, source);
  }

  /** Creates or updates the entry of an address for which the kernel has an entry: a requester or a router. */
  learnRequester(address: IpAddress, from: LinkAddress): void {
    this.#update(this.get(address), from, "request");
  }

  /**
   * Adds or changes a static neighbour and sets the kernel's entry PERMANENT. Throws `E_NEIGHBOUR_LIMIT` (ENOBUFS) if
   * the table has MAX_STATIC_NEIGHBOURS others.
   */
  hold(address: IpAddress, at: LinkAddress): void {
    this.#checkLimit(address);
    const neighbour = this.get(address);
    this.#events.setStatic(address, neighbour.peer, at);
    neighbour.isStatic = true;
    neighbour.requestPending = false;
    this.#setPeer(neighbour, at);
    this.#kernel.setPermanent(address);
    neighbour.queue.sendTo(neighbour);
  }

  /**
   * Restores the PERMANENT entries of static neighbours, which the kernel deletes when the interface is set down.
   */
  restore(): void {
    for (const { isStatic, address } of this.entries()) {
      if (isStatic) this.#kernel.setPermanent(address);
    }
  }

  /** Removes an entry, and the kernel's in any state. */
  delete(address: IpAddress): void {
    this.#kernel.delete(address);
    this.forget(address);
  }

  /** Removes an entry, but not the kernel's. Returns false if there is none. */
  forget(address: IpAddress): boolean {
    const neighbour = this.#entries.get(address);
    if (!neighbour) return false;
    if (neighbour.isStatic) {
      this.#events.setStatic(address, neighbour.peer, undefined);
    }
    this.#remove(neighbour);
    return true;
  }

  /**
   * Records that the kernel's resolution of an address, or its probes of a resolved one, got no answer. Without a pending
   * request the kernel's entry was deleted: it is then reported as FAILED, too.
   */
  noAnswer(address: IpAddress): void {
    const neighbour = this.find(address);
    if (!neighbour?.requestPending) return;
    const what = neighbour.peer ? "neighbour probes" : "address resolution";
    this.#events.failed(neighbour, `no answer to ${what}`);
  }

  close(): void {
    this.#waiting.close();
  }

  /** Removes all entries except static ones, whose waiting packets are dropped. */
  flush(): void {
    for (const neighbour of this.entries()) {
      if (neighbour.isStatic) neighbour.queue.drop("tx_neighbour_failed");
      else this.#remove(neighbour);
    }
  }

  #retain(has: (address: IpAddress) => boolean): void {
    for (const neighbour of this.entries()) {
      const { isStatic, address } = neighbour;
      if (!isStatic && !has(address)) this.#remove(neighbour);
    }
  }

  #update(
    neighbour: Neighbour,
    from: LinkAddress,
    source: AddressSource,
  ): void {
    const { requestPending, peer } = neighbour;
    if (neighbour.isStatic) return;
    const now = this.#kernel.now();
    const same = isPeer(peer, from);
    const locked = peer !== undefined && source !== "announcement" &&
      !(requestPending && source === "reply") &&
      now - neighbour.updatedAt < ARP_LOCK_MS;
    if (!same && locked) {
      this.#debug.decision(() =>
        `${neighbour.address} stays at ${
          textOf(peer.address)
        }: it has changed within ${ARP_LOCK_MS} ms`
      );
      return;
    }
    if (same && source === "reply") this.#countRoundTrip(neighbour, now);
    neighbour.probedAt = -Infinity;
    neighbour.requestPending = false;
    neighbour.probes = 0;
    if (!same) {
      this.#events.located(neighbour, peer, from, source);
      this.#debug.decision(() =>
        `${neighbour.address} is at ${textOf(from)} (${source}${
          peer ? `; before: ${textOf(peer.address)}` : ""
        })`
      );
      this.#setPeer(neighbour, from);
      neighbour.updatedAt = now;
      // The kernel confirmed the old link-layer address, not the new one.
      if (peer && source !== "reply") this.#kernel.setStale(neighbour);
    }
    if (requestPending || neighbour.queue.length > 0) {
      this.#peers.resolve(neighbour.peer!);
    }
    neighbour.queue.sendTo(neighbour);
  }

  #countRoundTrip({ probedAt, peer }: Neighbour, now: Millis): void {
    if (probedAt === -Infinity || !peer) return;
    peer.roundTripMs = now - probedAt;
    peer.roundTrips ??= new RoundTrips();
    peer.roundTrips.add(peer.roundTripMs);
    this.roundTrips.add(peer.roundTripMs);
  }

  #setPeer(neighbour: Neighbour, to: LinkAddress): void {
    neighbour.peer?.followers.delete(neighbour);
    const peer = this.#peers.get(to);
    peer.followers.add(neighbour);
    neighbour.peer = peer;
    neighbour.egress = peer.egress;
    this.#waiting.delete(neighbour);
  }

  #checkLimit(address: IpAddress): void {
    if (this.find(address)?.isStatic) return;
    const held = this.entries().filter(({ isStatic }) => isStatic).length;
    if (held < MAX_STATIC_NEIGHBOURS) return;
    throw new IpoibError(
      "E_NEIGHBOUR_LIMIT",
      `Cannot add static neighbour ${address}: the limit of ${held} static neighbours is reached`,
      { errno: Errno.ENOBUFS, hint: "remove others with `ipoib neigh del`" },
    );
  }

  #onPeerLost(peer: Peer): void {
    for (const neighbour of [...peer.followers]) {
      if (!(neighbour instanceof Neighbour) || neighbour.isStatic) continue;
      this.#events.failed(neighbour, "the port of the peer is gone");
      this.#debug.decision(() =>
        `${neighbour.address} at ${
          textOf(peer.address)
        } is unreachable: the kernel resolves it again`
      );
      this.#clearPeer(neighbour);
      // A probe that was sent to the unreachable peer will not be answered.
      this.resolveAgain(neighbour);
    }
  }

  #evict(limit: number): void {
    const now = this.#kernel.now();
    const evicted = chooseEvicted(this.entries(), limit, now);
    this.#debug.decision(() =>
      `${evicted.length} neighbours are removed, because the table has the maximum of ${limit}`
    );
    for (const neighbour of evicted) {
      this.#remove(neighbour);
      this.#kernel.remove(neighbour.address);
    }
    this.#sender.statistics.tables.add("neighbours_evicted", evicted.length);
    if (evicted.length > 0) this.#events.evicted(evicted.length);
  }

  #remove(neighbour: Neighbour): void {
    this.#entries.delete(neighbour.address);
    this.#debug.decision(() =>
      `Neighbour ${neighbour.address} is removed, with ${neighbour.queue.length} waiting packets`
    );
    this.#clearPeer(neighbour);
    neighbour.queue.drop("tx_neighbour_failed");
    this.#waiting.delete(neighbour);
    if (neighbour.isNextHop) this.onRemoved();
  }

  #clearPeer(neighbour: Neighbour): void {
    neighbour.peer?.followers.delete(neighbour);
    neighbour.peer = undefined;
    neighbour.egress = new WaitingEgress(this, neighbour.address);
  }
}

function textOf(address: LinkAddress): string {
  return formatLinkAddress(linkAddressBytes(address));
}
