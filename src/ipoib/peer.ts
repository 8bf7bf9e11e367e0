/**
 * Peers: the link-layer addresses that an interface talks to, each with the way there.
 *
 * Several IP addresses may lead to one peer. A peer without a path keeps packets while the subnet administrator is asked;
 * with one it has a route of an address handle and a QPN. Peers that nothing leads to go after a minute.
 */

import type { Millis } from "../base/units.ts";
import { type AddressHandle, PostResult } from "../hca/hca.ts";
import { EthernetKind } from "../wire/ethernet.ts";
import { gidKey } from "../wire/gid.ts";
import { type LinkAddress, linkAddressEquals } from "../wire/link_address.ts";
import {
  EVICTED_SHARE,
  IDLE_MS,
  MAX_PEERS,
  MAX_WAITING_PACKETS,
  REAP_INTERVAL_MS,
} from "./constants.ts";
import type { Destination, Egress } from "./egress.ts";
import { PacketQueue } from "./packet_queue.ts";
import type { Path, PathTable } from "./path.ts";
import type { UdSender } from "./ud_sender.ts";
import { Wait, type WaitingTable } from "./wait.ts";
import type { Reactor, Timer } from "../system/reactor.ts";

/** One peer. */
export class Peer implements Destination {
  readonly kind = EthernetKind.Host;
  readonly address: LinkAddress;
  readonly queue: PacketQueue;
  readonly createdAt: Millis;
  egress: Egress;
  path: Path | undefined;
  /** True while the administrator is being asked. */
  asking = false;
  /**
   * When an IP packet was last sent to it; 0 for never. Initialised as a number: a field that began as undefined would hold an
   * allocated number at each assignment.
   */
  usedAt: Millis = 0;
  /** Who wants to know that the egress changed: the IP addresses that lead here. */
  readonly followers = new Set<PeerFollower>();

  constructor(
    address: LinkAddress,
    queue: PacketQueue,
    egress: Egress,
    now: Millis,
  ) {
    this.address = address;
    this.queue = queue;
    this.egress = egress;
    this.createdAt = now;
  }
}

/** What leads to a peer. */
export interface PeerFollower {
  egress: Egress;
}

/** A UD route: packets are posted at once. */
class UdRoute implements Egress {
  readonly #sender: UdSender;
  readonly #table: PeerTable;
  readonly #peer: Peer;
  readonly #ah: AddressHandle;
  readonly #qpn: number;

  constructor(
    sender: UdSender,
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
    this.#peer.usedAt = sender.now;
    const result = sender.post(slot, length, this.#ah, this.#qpn);
    if (result === PostResult.Unreachable) this.#table.lost(this.#peer);
  }
}

/** The peers of one interface. */
export class PeerTable implements WaitingTable<LinkAddress> {
  /** Called when packets to a peer turn out not to be delivered, after its path was given up. */
  onLost: (peer: Peer) => void = () => {};
  readonly #sender: UdSender;
  readonly #paths: PathTable;
  readonly #peers = new Map<string, Peer>();
  readonly #reap: Timer;
  readonly #reactor: Reactor;

  constructor(reactor: Reactor, sender: UdSender, paths: PathTable) {
    this.#reactor = reactor;
    this.#sender = sender;
    this.#paths = paths;
    this.#reap = reactor.timer((now) => this.#removeIdle(now));
    paths.onChange = (path) => this.#onPathChange(path);
    paths.onStray = (path) => this.#onStray(path);
  }

  get size(): number {
    return this.#peers.size;
  }

  /** The peer with this address, made if need be. */
  get(address: LinkAddress): Peer {
    const key = peerKey(address);
    let peer = this.#peers.get(key);
    if (!peer) {
      if (this.#peers.size >= MAX_PEERS) this.#makeRoom();
      const queue = new PacketQueue(
        this.#sender,
        MAX_WAITING_PACKETS,
        "tx_path_queue",
      );
      const now = this.#reactor.clock.now();
      peer = new Peer(address, queue, new Wait(this, address), now);
      this.#peers.set(key, peer);
      if (this.#peers.size === 1) this.#reap.at(now + REAP_INTERVAL_MS);
    }
    return peer;
  }

  /** Keeps a packet for the peer with this address until its path is known. */
  wait(address: LinkAddress, slot: number, length: number): void {
    const peer = this.get(address);
    peer.queue.push(slot, length);
    this.resolve(peer);
  }

  /** Asks for the path of a peer that has none. */
  resolve(peer: Peer): void {
    if (peer.asking || peer.path?.ah) return;
    peer.asking = true;
    const now = this.#reactor.clock.now();
    this.#paths.request(peer.address.gid, now, (path) => {
      peer.asking = false;
      if (this.#peers.get(peerKey(peer.address)) !== peer) return;
      if (path?.ah) {
        this.#route(peer, path, path.ah);
        peer.queue.sendTo(peer);
      } else peer.queue.drop("tx_path_failed");
    });
  }

  /** Packets to the peer are not delivered: its path is asked for again when it is needed. */
  lost(peer: Peer): void {
    if (peer.path) this.#paths.invalidate(peer.path);
    this.onLost(peer);
  }

  /** Nothing answers from the peer: its path may be wrong. */
  doubt(peer: Peer, now: Millis): void {
    if (peer.path) this.#paths.doubt(peer.path, now);
  }

  /** Forgets all paths, and the peers that nothing leads to any longer. */
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
    if (peer.path !== path) {
      peer.path?.peers.delete(peer);
      peer.path = path;
      path.peers.add(peer);
    }
    this.#setEgress(peer, new UdRoute(this.#sender, this, peer, ah));
  }

  #setEgress(peer: Peer, egress: Egress): void {
    peer.egress = egress;
    for (const follower of peer.followers) follower.egress = egress;
  }

  #onPathChange(path: Path): void {
    for (const peer of path.peers) {
      if (path.ah) this.#route(peer, path, path.ah);
      else this.#setEgress(peer, new Wait(this, peer.address));
    }
  }

  /** Packets wait for the new path, or for the end of the question. */
  #onStray(path: Path): void {
    for (const peer of [...path.peers]) {
      this.#unroute(peer);
      this.resolve(peer);
    }
  }

  #end(peer: Peer): void {
    peer.queue.drop("tx_path_failed");
    this.#unroute(peer);
  }

  #unroute(peer: Peer): void {
    peer.path?.peers.delete(peer);
    peer.path = undefined;
    this.#setEgress(peer, new Wait(this, peer.address));
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
   * The table is full: of those that nothing leads to, the ones used longest ago go. There are such peers, because there are
   * fewer neighbours than peers.
   */
  #makeRoom(): void {
    const evicted = [...this.#peers.values()]
      .filter(({ followers }) => followers.size === 0)
      .sort((a, b) => a.usedAt - b.usedAt)
      .slice(0, MAX_PEERS * EVICTED_SHARE);
    for (const peer of evicted) {
      this.#peers.delete(peerKey(peer.address));
      this.#end(peer);
    }
    this.#sender.statistics.tables.add("peers_evicted", evicted.length);
  }
}

/** True if both are the same address. */
export function isPeer(peer: Peer | undefined, address: LinkAddress): boolean {
  return peer !== undefined && linkAddressEquals(peer.address, address);
}

function peerKey({ flags, qpn, gid }: LinkAddress): string {
  return `${flags}/${qpn}/${gidKey(gid)}`;
}
