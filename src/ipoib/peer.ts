/**
 * Peers: the link-layer addresses to which an interface sends, each with its path.
 *
 * Several neighbours may share one peer. A peer without a path queues packets until the subnet administrator has
 * returned one; with a path it sends through an address handle to its QPN. A peer without followers is removed after
 * at least one minute without IP packets.
 */

import type { Millis } from "../base/units.ts";
import type { AddressHandle } from "../hca/address_handle.ts";
import type { HcaPort } from "../hca/hca.ts";
import { PostResult } from "../hca/post_result.ts";
import { EthernetKind } from "../wire/ethernet.ts";
import { gidKey } from "../wire/gid.ts";
import { type LinkAddress, linkAddressEquals } from "../wire/link_address.ts";
import type { AddressWords } from "./address_table.ts";
import {
  EVICTED_SHARE,
  IDLE_MS,
  MAX_WAITING_PACKETS,
  REAP_INTERVAL_MS,
} from "./constants.ts";
import type { Destination, Egress } from "./egress.ts";
import { PacketQueue } from "./packet_queue.ts";
import type { Path, PathTable } from "./path.ts";
import type { PacketSender } from "./packet_sender.ts";
import type { RoundTrips } from "./round_trips.ts";
import { Senders } from "./senders.ts";
import type { TableLimits } from "./table_limits.ts";
import { newTraffic } from "./traffic.ts";
import { WaitingEgress, type WaitingTable } from "./waiting_egress.ts";
import type { Reactor, Timer } from "../system/reactor.ts";

/** One link-layer address and its path. */
export class Peer implements Destination {
  readonly kind = EthernetKind.Host;
  readonly address: LinkAddress;
  readonly queue: PacketQueue;
  /** Packets sent to the peer, and packets received from it on the UD queue pair and on connections that have ended. */
  readonly traffic = newTraffic();
  /** Key of the peer in the table of senders; undefined until its path was resolved. */
  senderKey: AddressWords | undefined;
  /** Round trips to the peer; undefined until there was one. */
  roundTrips: RoundTrips | undefined;
  /** The last of them. */
  roundTripMs: Millis = 0;
  readonly createdAt: Millis;
  /** Egress of IP packets: `route`, or one of connected mode (connected/). */
  egress: Egress;
  /** Egress on the UD queue pair, which packets of address resolution always use. */
  route: Egress;
  path: Path | undefined;
  /** True while a path query is pending. */
  resolving = false;
  /**
   * Time of the last IP packet; 0 for never. Initialized with a number: V8 allocates each number in a field that was
   * undefined first.
   */
  usedAt: Millis = 0;
  /** True if an IP packet was queued since the peer was created. */
  hasIp = false;
  /** Neighbours with this link-layer address; their egress follows the peer's. */
  readonly followers = new Set<PeerFollower>();
  /** The peer as the destination of packets of address resolution. */
  readonly #resolution: Destination;

  constructor(
    address: LinkAddress,
    queue: PacketQueue,
    egress: Egress,
    now: Millis,
  ) {
    this.address = address;
    this.queue = queue;
    this.egress = egress;
    this.route = egress;
    this.createdAt = now;
    const route = () => this.route;
    this.#resolution = {
      kind: this.kind,
      get egress() {
        return route();
      },
    };
  }

  /**
   * Sends a packet of address resolution. It does not count as use, so that peers without IP traffic are evicted
   * first.
   */
  sendResolution(slot: number, length: number): void {
    const { usedAt, hasIp } = this;
    this.route.send(slot, length);
    this.usedAt = usedAt;
    this.hasIp = hasIp;
  }

  /**
   * Sends the queued packets. They do not count as use again: IP packets counted when they were queued. If all are
   * packets of address resolution, they do not start a connection.
   */
  sendQueued(): void {
    const { usedAt } = this;
    this.queue.sendTo(this.hasIp ? this : this.#resolution);
    this.usedAt = usedAt;
  }
}

/** User of a peer, with a copy of the peer's egress. */
export interface PeerFollower {
  egress: Egress;
}

/** Egress of a peer with a path: posts packets to the peer's QPN. */
class UdRoute implements Egress {
  readonly #sender: PacketSender;
  readonly #table: PeerTable;
  readonly #peer: Peer;
  readonly #ah: AddressHandle;
  readonly #qpn: number;

  constructor(
    sender: PacketSender,
    table: PeerTable,
    peer: Peer,
    ah: AddressHandle,
  ) {
    this.#sender = sender;
    this.#table = table;
    this.#peer = peer;
    this.#ah = ah;
    this.#qpn = peer.address.qpn;
  }

  send(slot: number, length: number): void {
    const sender = this.#sender;
    const peer = this.#peer;
    peer.usedAt = sender.now;
    const result = sender.post(
      slot,
      length,
      this.#ah,
      this.#qpn,
      peer.traffic,
    );
    if (result === PostResult.Unreachable) this.#table.lost(peer);
  }
}

/** The peers that send on each path. */
class RoutedPeers {
  readonly #peers = new Map<Path, Set<Peer>>();

  /** Sets the path of a peer. */
  set(peer: Peer, path: Path | undefined): void {
    if (peer.path === path) return;
    if (peer.path !== undefined) this.#remove(peer, peer.path);
    peer.path = path;
    if (path === undefined) return;
    const peers = this.#peers.get(path);
    if (peers) peers.add(peer);
    else this.#peers.set(path, new Set([peer]));
  }

  /** Returns a copy, because the caller may change the paths of the peers. */
  on(path: Path): Peer[] {
    return [...this.#peers.get(path) ?? []];
  }

  /** Returns the time of the last IP packet on a path; 0 for never. */
  usedAt(path: Path): Millis {
    let latest = 0;
    for (const { usedAt } of this.#peers.get(path) ?? []) {
      latest = Math.max(latest, usedAt);
    }
    return latest;
  }

  #remove(peer: Peer, path: Path): void {
    const peers = this.#peers.get(path)!;
    peers.delete(peer);
    if (peers.size === 0) this.#peers.delete(path);
  }
}

/** The peers of one interface. */
export class PeerTable implements WaitingTable<LinkAddress> {
  /** Called when the HCA reports a peer as unreachable, after its path was invalidated. */
  onLost: (peer: Peer) => void = () => {};
  /** The peers by the addresses in their packets. */
  readonly senders: Senders;
  /** Returns the egress for IP packets of a peer with a new route. */
  egressOf: (peer: Peer, route: Egress) => Egress = (_peer, route) => route;
  readonly #sender: PacketSender;
  readonly #paths: PathTable;
  readonly #limits: TableLimits;
  readonly #peers = new Map<string, Peer>();
  readonly #routed = new RoutedPeers();
  readonly #reap: Timer;
  readonly #reactor: Reactor;

  constructor(
    reactor: Reactor,
    sender: PacketSender,
    paths: PathTable,
    limits: TableLimits,
    port: Pick<HcaPort, "attributes">,
  ) {
    this.senders = new Senders(port);
    this.#limits = limits;
    this.#reactor = reactor;
    this.#sender = sender;
    this.#paths = paths;
    this.#reap = reactor.timer((now) => this.#removeIdle(now));
    paths.onChange = (path) => this.#onPathChange(path);
    paths.onPeerMoved = (path) => this.#onPeerMoved(path);
    paths.usedAt = (path) => this.#routed.usedAt(path);
  }

  get size(): number {
    return this.#peers.size;
  }

  /** Returns the peer with this address, creating it if needed. */
  get(address: LinkAddress): Peer {
    const key = peerKey(address);
    let peer = this.#peers.get(key);
    if (!peer) {
      const { size } = this.#peers;
      const limit = this.#limits.forNew("peers", size);
      if (size >= limit) this.#evict(limit);
      const queue = new PacketQueue(
        this.#sender,
        MAX_WAITING_PACKETS,
        "tx_path_queue",
      );
      const now = this.#reactor.clock.now();
      peer = new Peer(address, queue, new WaitingEgress(this, address), now);
      this.#peers.set(key, peer);
      if (this.#peers.size === 1) this.#reap.at(now + REAP_INTERVAL_MS);
    }
    return peer;
  }

  /** Returns the peer with this address, if there is one. */
  find(address: LinkAddress): Peer | undefined {
    return this.#peers.get(peerKey(address));
  }

  /** Queues a packet for the peer with this address and queries its path. */
  wait(address: LinkAddress, slot: number, length: number): void {
    const peer = this.get(address);
    peer.usedAt = this.#sender.now;
    peer.hasIp = true;
    peer.queue.push(slot, length);
    this.resolve(peer);
  }

  /** Requests the path of a peer that has none; then sends the queued packets, or drops them if there is no path. */
  resolve(peer: Peer): void {
    if (peer.resolving || peer.path?.ah) return;
    peer.resolving = true;
    const now = this.#reactor.clock.now();
    this.#paths.request(peer.address.gid, now, (path) => {
      peer.resolving = false;
      if (this.#peers.get(peerKey(peer.address)) !== peer) return;
      if (path?.ah) {
        this.#route(peer, path, path.ah);
        peer.sendQueued();
      } else peer.queue.drop("tx_path_failed");
    });
  }

  /** Invalidates the path of an unreachable peer. The next packet queries it again. */
  lost(peer: Peer): void {
    if (peer.path) this.#paths.invalidate(peer.path);
    this.onLost(peer);
  }

  /** Marks the path of a peer as doubtful, because the peer does not answer probes. */
  doubt(peer: Peer, now: Millis): void {
    if (peer.path) this.#paths.doubt(peer.path, now);
  }

  /** Returns the peers that send on a path. */
  on(path: Path): Peer[] {
    return this.#routed.on(path);
  }

  /** Sets the egress for IP packets of a peer and of its followers. */
  setEgress(peer: Peer, egress: Egress): void {
    peer.egress = egress;
    for (const follower of peer.followers) follower.egress = egress;
  }

  /** Sets the egresses for IP packets of all peers again. */
  updateEgresses(): void {
    for (const peer of this.#peers.values()) {
      this.setEgress(peer, this.egressOf(peer, peer.route));
    }
  }

  /** Drops the waiting packets and paths of all peers, and removes peers without followers. */
  flush(): void {
    for (const [key, peer] of [...this.#peers]) {
      if (peer.followers.size === 0) this.#peers.delete(key);
      this.#end(peer);
    }
  }

  close(): void {
    this.#reap.close();
  }

  #route(peer: Peer, path: Path, ah: AddressHandle): void {
    this.#routed.set(peer, path);
    const { gid, qpn } = peer.address;
    const lid = path.record?.dlid ?? 0;
    this.#setSender(peer, this.senders.datagramKey(lid, gid, qpn));
    this.#setRoute(peer, new UdRoute(this.#sender, this, peer, ah));
  }

  /** The key stays until the path changes or the peer is removed. */
  #setSender(peer: Peer, key: AddressWords | undefined): void {
    const { senderKey, traffic } = peer;
    if (senderKey) this.senders.delete(senderKey, traffic);
    peer.senderKey = key;
    if (key) this.senders.set(key, traffic);
  }

  #setRoute(peer: Peer, route: Egress): void {
    peer.route = route;
    this.setEgress(peer, this.egressOf(peer, route));
  }

  #onPathChange(path: Path): void {
    for (const peer of this.#routed.on(path)) {
      if (path.ah) this.#route(peer, path, path.ah);
      else this.#setRoute(peer, new WaitingEgress(this, peer.address));
    }
  }

  /** Queues packets until the pending query of the moved peer's path ends. */
  #onPeerMoved(path: Path): void {
    for (const peer of this.#routed.on(path)) {
      this.#unroute(peer);
      this.resolve(peer);
    }
  }

  #end(peer: Peer): void {
    peer.queue.drop("tx_path_failed");
    this.#setSender(peer, undefined);
    this.#unroute(peer);
  }

  #unroute(peer: Peer): void {
    this.#routed.set(peer, undefined);
    this.#setRoute(peer, new WaitingEgress(this, peer.address));
  }

  #removeIdle(now: Millis): void {
    for (const [key, peer] of this.#peers) {
      const lastAt = Math.max(peer.usedAt, peer.createdAt);
      if (peer.followers.size > 0 || now - lastAt < IDLE_MS) continue;
      this.#peers.delete(key);
      this.#end(peer);
    }
    if (this.#peers.size > 0) this.#reap.at(now + REAP_INTERVAL_MS);
  }

  /**
   * Evicts the least recently used peers without followers. A full table has some, because the limit on neighbours is
   * lower by SPARE_PEERS.
   */
  #evict(limit: number): void {
    const excess = this.#peers.size - limit;
    const evicted = [...this.#peers.values()]
      .filter(({ followers }) => followers.size === 0)
      .sort((a, b) => a.usedAt - b.usedAt)
      .slice(0, excess + limit * EVICTED_SHARE);
    for (const peer of evicted) {
      this.#peers.delete(peerKey(peer.address));
      this.#end(peer);
    }
    this.#sender.statistics.tables.add("peers_evicted", evicted.length);
  }
}

/** Returns true if `peer` has this address. */
export function isPeer(peer: Peer | undefined, address: LinkAddress): boolean {
  return peer !== undefined && linkAddressEquals(peer.address, address);
}

function peerKey({ flags, qpn, gid }: LinkAddress): string {
  return `${flags}/${qpn}/${gidKey(gid)}`;
}
