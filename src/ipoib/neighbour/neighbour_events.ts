/**
 * The events of the neighbours of an interface. A neighbour whose resolution fails again and again has one event, until
 * it is resolved or the link ends.
 */

import type { EventDetails } from "../../base/events.ts";
import type { IpAddress } from "../../wire/ip_address.ts";
import {
  formatLinkAddress,
  type LinkAddress,
  linkAddressBytes,
} from "../../wire/link_address.ts";
import type { InterfaceEvents } from "../interface_events.ts";
import type { Peer } from "../peer.ts";
import type { AddressSource, Neighbour } from "./neighbour.ts";

/** Maximum number of failed neighbours that are remembered. A full set is cleared. */
const MAX_FAILED = 1024;

/** Text of each source, as the cause of an event. */
const SOURCES: Record<AddressSource, string> = {
  reply: "reply",
  request: "request of the owner",
  announcement: "announcement",
};

export class NeighbourEvents {
  readonly #events: InterfaceEvents;
  /** Addresses whose resolution has failed, as text. */
  readonly #failed = new Set<string>();

  constructor(events: InterfaceEvents) {
    this.#events = events;
  }

  /** The neighbour has the address `to` now, learned from a packet of the kind `source`; `from` is its former peer. */
  located(
    { address }: Neighbour,
    from: Peer | undefined,
    to: LinkAddress,
    source: AddressSource,
  ): void {
    this.#failed.delete(`${address}`);
    this.#events.add("neigh", from ? "moved" : "resolved", () => ({
      subject: `${address}`,
      ...(from ? { old: textOf(from.address) } : {}),
      new: textOf(to),
      cause: SOURCES[source],
    }));
  }

  /** The neighbour does not answer, or its peer is gone. */
  failed({ address, peer }: Neighbour, cause: string): void {
    const text = `${address}`;
    if (this.#failed.has(text)) return;
    if (this.#failed.size >= MAX_FAILED) this.#failed.clear();
    this.#failed.add(text);
    this.#events.add("neigh", "failed", () => ({
      subject: text,
      ...(peer ? { old: textOf(peer.address) } : {}),
      cause,
    }));
  }

  /** The administrator has set the address of a neighbour, or removed a neighbour that was set. */
  setStatic(
    address: IpAddress,
    from: Peer | undefined,
    to: LinkAddress | undefined,
  ): void {
    const details: EventDetails = {
      subject: `${address}`,
      ...(from ? { old: textOf(from.address) } : {}),
      ...(to ? { new: textOf(to) } : {}),
      cause: to ? "set by the administrator" : "removed by the administrator",
    };
    this.#events.add("neigh", "static", () => details);
  }

  evicted(count: number): void {
    this.#events.add("neigh", "evicted", () => ({
      subject: "neighbour table",
      new: `${count}`,
      cause: "the table is full",
    }));
  }

  /** The link has ended: forgets the failed neighbours. */
  clear(): void {
    this.#failed.clear();
  }
}

function textOf(address: LinkAddress): string {
  return formatLinkAddress(linkAddressBytes(address));
}
