/**
 * Where the neighbours of an interface are: IP address -> link-layer address, beside the kernel's neighbour table.
 *
 * The kernel asks, probes and forgets; it does not know the 20-byte addresses. So the two tables must agree:
 *
 * | what happens                                        | what is done                                              |
 * |-----------------------------------------------------|-----------------------------------------------------------|
 * | the kernel asks for an address                      | an entry, which the answer fills in                       |
 * | the kernel answers a request                        | an entry for who asked                                    |
 * | the kernel's entry fails or is deleted              | the entry goes; one that the administrator gave is made   |
 * |                                                     | PERMANENT there again                                     |
 * | a packet for an address without entry               | it waits; the kernel's entry is set FAILED and used, so   |
 * |                                                     | that the kernel asks again                                |
 * | ... and the kernel's entry is PERMANENT             | it waits; we ask ourselves                                |
 * | the HCA says that a peer is gone                    | its addresses are set FAILED and used in the kernel       |
 * | the table is full                                   | the entries that packets went to longest ago go, here and |
 * |                                                     | there                                                     |
 *
 * An address that just changed does not change again at once, unless the kernel has asked or the change is an
 * announcement (Linux `arp_process`).
 */

import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import type { Millis } from "../../base/units.ts";
import type { IpAddress } from "../../wire/ip_address.ts";
import type { LinkAddress } from "../../wire/link_address.ts";
import { AddressTable } from "../address_table.ts";
import {
  ARP_LOCK_MS,
  EVICTED_SHARE,
  MAX_NEIGHBOURS,
  MAX_STATIC_NEIGHBOURS,
  MAX_WAITING_PACKETS,
} from "../constants.ts";
import { PacketQueue } from "../packet_queue.ts";
import { isPeer, type Peer, type PeerTable } from "../peer.ts";
import type { UdSender } from "../ud_sender.ts";
import { Wait, type WaitingTable } from "../wait.ts";
import type { KernelAgreement } from "./kernel_agreement.ts";
import { Neighbour } from "./neighbour.ts";

/** How an address was told. */
export type Telling =
  /** An answer to a request. */
  | "reply"
  /** Somebody's request. */
  | "request"
  /** An announcement: sender and target are the same. */
  | "announcement";

export class NeighbourTable implements WaitingTable<IpAddress> {
  /** Called when an entry went that is a next hop of the data path: references to it are no longer good. */
  onRemoved: () => void = () => {};
  readonly #sender: UdSender;
  readonly #peers: PeerTable;
  readonly #kernel: KernelAgreement;
  readonly #entries = new AddressTable<Neighbour>();

  constructor(sender: UdSender, peers: PeerTable, kernel: KernelAgreement) {
    this.#sender = sender;
    this.#peers = peers;
    this.#kernel = kernel;
    peers.onLost = (peer) => this.#lost(peer);
    kernel.onForgotten = (address) => {
      // What the administrator gave to us is taken from us.
      if (this.find(address)?.isStatic) kernel.keep(address);
      else this.forget(address);
    };
    kernel.onUncertain = (has) => this.#keep(has);
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

  /** As {@linkcode find}, for the data path. */
  findWords(
    w0: number,
    w1: number,
    w2: number,
    w3: number,
  ): Neighbour | undefined {
    return this.#entries.find(w0, w1, w2, w3);
  }

  /** The entry of an address, made if need be. */
  get(address: IpAddress): Neighbour {
    let neighbour = this.#entries.get(address);
    if (!neighbour) {
      if (this.#entries.size >= MAX_NEIGHBOURS) this.#makeRoom();
      const queue = new PacketQueue(
        this.#sender,
        MAX_WAITING_PACKETS,
        "tx_neighbour_queue",
      );
      neighbour = new Neighbour(
        address,
        queue,
        new Wait(this, address),
        this.#kernel.now(),
      );
      this.#entries.set(address, neighbour);
    }
    return neighbour;
  }

  /**
   * The kernel asks for an address, by broadcast or by unicast. A peer that does not answer a probe, or that everybody is asked
   * for, may be gone or be elsewhere: its path is asked for again.
   */
  asks(address: IpAddress, unicast: boolean): Neighbour {
    const neighbour = this.get(address);
    neighbour.asked = true;
    const { peer } = neighbour;
    if (peer && (!unicast || ++neighbour.probes > 1)) {
      this.#peers.doubt(peer, this.#kernel.now());
    }
    return neighbour;
  }

  /** Keeps a packet for an address that is not known, and sees to it that it is asked for. */
  wait(address: IpAddress, slot: number, length: number): void {
    const neighbour = this.get(address);
    neighbour.queue.push(slot, length);
    this.#kernel.askAgain(neighbour);
  }

  /** An address was told; one that the table does not have is nobody's business here. */
  hear(address: IpAddress, from: LinkAddress, telling: Telling): void {
    const neighbour = this.#entries.get(address);
    if (neighbour) this.#learn(neighbour, from, telling);
  }

  /** The kernel has answered who asked, and so made an entry for it. */
  answered(address: IpAddress, from: LinkAddress): void {
    this.#learn(this.get(address), from, "request");
  }

  /**
   * Holds an address that the administrator gives; the kernel's entry becomes PERMANENT. Throws `E_NEIGHBOUR_LIMIT` (ENOBUFS).
   */
  hold(address: IpAddress, at: LinkAddress): void {
    this.#checkLimit(address);
    const neighbour = this.get(address);
    neighbour.isStatic = true;
    neighbour.asked = false;
    this.#lead(neighbour, at);
    this.#kernel.keep(address);
    neighbour.queue.sendTo(neighbour);
  }

  /** The link begins: the kernel has lost what the administrator gave when it went down. */
  restore(): void {
    for (const { isStatic, address } of this.entries()) {
      if (isStatic) this.#kernel.keep(address);
    }
  }

  /** Removes an entry: the kernel's is gone, or is to go. False if there is none. */
  forget(address: IpAddress): boolean {
    const neighbour = this.#entries.get(address);
    if (!neighbour) return false;
    this.#remove(neighbour);
    return true;
  }

  /** Forgets everything but what the administrator gave, which is resolved anew. */
  flush(): void {
    for (const neighbour of this.entries()) {
      if (neighbour.isStatic) neighbour.queue.drop("tx_neighbour_failed");
      else this.#remove(neighbour);
    }
  }

  #keep(has: (address: IpAddress) => boolean): void {
    for (const neighbour of this.entries()) {
      const { isStatic, address } = neighbour;
      if (!isStatic && !has(address)) this.#remove(neighbour);
    }
  }

  #learn(neighbour: Neighbour, from: LinkAddress, telling: Telling): void {
    const { asked, peer } = neighbour;
    if (neighbour.isStatic) return;
    const now = this.#kernel.now();
    const same = isPeer(peer, from);
    const locked = peer !== undefined && telling !== "announcement" &&
      !(asked && telling === "reply") &&
      now - neighbour.updatedAt < ARP_LOCK_MS;
    if (!same && locked) return;
    neighbour.asked = false;
    neighbour.probes = 0;
    if (!same) {
      this.#lead(neighbour, from);
      neighbour.updatedAt = now;
      // What the kernel believed was of the old address.
      if (peer && telling !== "reply") this.#kernel.stale(neighbour);
    }
    if (asked || neighbour.queue.length > 0) {
      this.#peers.resolve(neighbour.peer!);
    }
    neighbour.queue.sendTo(neighbour);
  }

  #lead(neighbour: Neighbour, to: LinkAddress): void {
    neighbour.peer?.followers.delete(neighbour);
    const peer = this.#peers.get(to);
    peer.followers.add(neighbour);
    neighbour.peer = peer;
    neighbour.egress = peer.egress;
  }

  #checkLimit(address: IpAddress): void {
    if (this.find(address)?.isStatic) return;
    const held = this.entries().filter(({ isStatic }) => isStatic).length;
    if (held < MAX_STATIC_NEIGHBOURS) return;
    throw new IpoibError(
      "E_NEIGHBOUR_LIMIT",
      `Cannot hold neighbour ${address}: ${held} neighbours are held, which is the most that are possible`,
      { errno: Errno.ENOBUFS, hint: "remove others with `ipoib neigh del`" },
    );
  }

  #lost(peer: Peer): void {
    for (const neighbour of [...peer.followers]) {
      if (!(neighbour instanceof Neighbour) || neighbour.isStatic) continue;
      this.#release(neighbour);
      // A probe that went to the peer has no answer to wait for.
      neighbour.asked = false;
      this.#kernel.askAgain(neighbour);
    }
  }

  /**
   * The table is full: who has only sent ARP packets, or does not answer, goes before those that packets were sent to. Of
   * either kind the entries used or changed longest ago go.
   */
  #makeRoom(): void {
    const evicted = this.entries().filter(({ isStatic }) => !isStatic)
      .sort((a, b) => usedAt(a) - usedAt(b) || a.updatedAt - b.updatedAt)
      .slice(0, MAX_NEIGHBOURS * EVICTED_SHARE);
    for (const neighbour of evicted) {
      this.#remove(neighbour);
      this.#kernel.remove(neighbour.address);
    }
    this.#sender.statistics.tables.add("neighbours_evicted", evicted.length);
  }

  #remove(neighbour: Neighbour): void {
    this.#entries.delete(neighbour.address);
    this.#release(neighbour);
    neighbour.queue.drop("tx_neighbour_failed");
    if (neighbour.isNextHop) this.onRemoved();
  }

  #release(neighbour: Neighbour): void {
    neighbour.peer?.followers.delete(neighbour);
    neighbour.peer = undefined;
    neighbour.egress = new Wait(this, neighbour.address);
  }
}

/** When an IP packet was last sent to it; 0 for never. */
function usedAt({ peer }: Neighbour): Millis {
  return peer?.usedAt ?? 0;
}
