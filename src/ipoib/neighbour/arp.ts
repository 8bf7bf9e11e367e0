/**
 * ARP on the link, in the kernel's place: answers for the addresses of the interface, learns from what it hears,
 * asks for neighbours, announces new addresses.
 *
 * Only addresses of this very interface are answered for, and asked from (as with arp_ignore=1 and arp_announce=2):
 * several interfaces on one subnet then never speak for each other. RFC 826, RFC 4391 section 9.2, RFC 5227
 * for announcements, Linux net/ipv4/arp.c behaviour.
 */

import type { Logger } from "../../base/log.ts";
import type { Millis } from "../../base/units.ts";
import type { NetConfig } from "../../netdev/netdev.ts";
import {
  type Arp,
  ArpOperation,
  arpReply,
  arpRequest,
  parseArp,
} from "../../wire/arp.ts";
import {
  formatIpv4,
  isMulticast,
  samePrefix,
} from "../../wire/ipv4_address.ts";
import {
  formatLinkAddress,
  type LinkAddress,
  linkAddressEquals,
  linkAddressOctets,
} from "../../wire/link_address.ts";
import type { Neighbour } from "./neighbour.ts";
import type { NeighbourTable } from "./neighbour_table.ts";

/** How ARP reaches the link. */
export interface ArpLink {
  /** The interface's own address. */
  readonly address: LinkAddress;
  /** To the broadcast group. */
  broadcastArp(arp: Arp): void;
  /** To the queue pair behind a link-layer address, whose path may have to be found first. */
  unicastArp(arp: Arp, to: LinkAddress, now: Millis): void;
  /** The port of this address sends from that LID. */
  heard(from: LinkAddress, sourceLid: number, now: Millis): void;
}

export class ArpEngine {
  readonly #link: ArpLink;
  readonly #config: NetConfig;
  readonly #neighbours: NeighbourTable;
  readonly #log: Logger;
  readonly #conflicts = new Set<number>();

  constructor(
    link: ArpLink,
    config: NetConfig,
    neighbours: NeighbourTable,
    log: Logger,
  ) {
    this.#link = link;
    this.#config = config;
    this.#neighbours = neighbours;
    this.#log = log;
  }

  /** Takes the ARP packet in `length` octets at `base`, which came from that LID; false if it is malformed. */
  receive(
    view: DataView,
    base: number,
    length: number,
    sourceLid: number,
    now: Millis,
  ): boolean {
    const arp = parseArp(view, base, length);
    if (!arp) return false;
    if (linkAddressEquals(arp.senderAddress, this.#link.address)) return true;
    if (isMulticast(arp.targetIp) || isMulticast(arp.senderIp)) return true;
    const request = arp.operation === ArpOperation.Request;
    if (!request && arp.operation !== ArpOperation.Reply) return true;
    this.#link.heard(arp.senderAddress, sourceLid, now);
    const claimsOurs = this.#config.isLocal(arp.senderIp);
    if (claimsOurs) this.#reportConflict(arp);
    const forUs = this.#config.isLocal(arp.targetIp);
    if (request && forUs) {
      // Neither a probe (no sender) nor a rival tells us of a neighbour.
      if (arp.senderIp !== 0 && !claimsOurs) {
        const asker = this.#neighbours.get(arp.senderIp, now);
        this.#neighbours.hear(asker, arp.senderAddress, now);
      }
      this.#link.unicastArp(
        arpReply(arp, this.#link.address),
        arp.senderAddress,
        now,
      );
      return true;
    }
    // What is not for us only refreshes what we already know.
    const known = this.#neighbours.find(arp.senderIp);
    if (!known) return true;
    if (!request && forUs) {
      this.#neighbours.confirm(known, arp.senderAddress, now);
    } else {
      const announced = arp.senderIp === arp.targetIp;
      this.#neighbours.hear(known, arp.senderAddress, now, announced);
    }
    return true;
  }

  /** Broadcasts a request for `target`. */
  askAll(target: number): void {
    const source = this.#sourceFor(target);
    if (source === undefined) return;
    this.#link.broadcastArp(arpRequest(this.#link.address, source, target));
  }

  /** Asks a neighbour whose address is known. */
  askOne(neighbour: Neighbour, now: Millis): void {
    const source = this.#sourceFor(neighbour.address);
    if (source === undefined || !neighbour.lladdr) return;
    const request = arpRequest(
      this.#link.address,
      source,
      neighbour.address,
    );
    this.#link.unicastArp(request, neighbour.lladdr, now);
  }

  /** Tells the link where our addresses are now (RFC 5227 section 2.3). */
  announce(addresses: Iterable<number>): void {
    for (const address of addresses) {
      this.#link.broadcastArp(
        arpRequest(this.#link.address, address, address),
      );
    }
  }

  /** The address to ask from: one of the target's subnet, else the first. */
  #sourceFor(target: number): number | undefined {
    const { addresses } = this.#config;
    const near = addresses.find((own) =>
      samePrefix(own.address, target, own.prefixLength)
    );
    return (near ?? addresses[0])?.address;
  }

  #reportConflict(arp: Arp): void {
    if (this.#conflicts.has(arp.senderIp)) return;
    this.#conflicts.add(arp.senderIp);
    const who = formatLinkAddress(linkAddressOctets(arp.senderAddress));
    this.#log.warn(
      `${formatIpv4(arp.senderIp)} is also used by ${who}`,
    );
  }
}
