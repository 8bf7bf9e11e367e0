/**
 * Detects other hosts that use an address of this interface, on behalf of both translators. Logs and records each address
 * once, and keeps the last sighting of each.
 */

import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Millis } from "../../base/units.ts";
import type { Netdev } from "../../netdev/netdev.ts";
import type { InterfaceEvents } from "../interface_events.ts";
import type { IpAddress } from "../../wire/ip_address.ts";
import {
  formatLinkAddress,
  type LinkAddress,
  linkAddressBytes,
} from "../../wire/link_address.ts";

/** Maximum number of addresses with a conflict. A full table is cleared. */
const MAX_CONFLICTS = 256;

/** An address of this interface that another host uses too. */
export interface AddressConflict {
  readonly address: IpAddress;
  /** Link-layer address of the other host. */
  readonly other: LinkAddress;
  /** Time of the last packet in which the other host claimed the address. */
  readonly seenAt: Millis;
}

export class AddressConflicts {
  readonly #netdev: Netdev;
  readonly #log: Logger;
  readonly #events: InterfaceEvents;
  readonly #clock: Clock;
  /** By address as text. */
  readonly #seen = new Map<string, AddressConflict>();

  constructor(
    { netdev, log, events, clock }: {
      netdev: Netdev;
      log: Logger;
      events: InterfaceEvents;
      clock: Clock;
    },
  ) {
    this.#netdev = netdev;
    this.#log = log;
    this.#events = events;
    this.#clock = clock;
  }

  /** Returns true if `address`, which `other` uses, is an address of this interface. Logs its first conflict. */
  check(address: IpAddress, other: LinkAddress): boolean {
    if (!this.#netdev.config.isLocal(address)) return false;
    const text = `${address}`;
    if (!this.#seen.has(text)) {
      if (this.#seen.size >= MAX_CONFLICTS) this.#seen.clear();
      const user = formatLinkAddress(linkAddressBytes(other));
      this.#log.warn(`${text} is also used by ${user}`);
      this.#events.add("neigh", "conflict", () => ({
        subject: text,
        cause: `also used by ${user}`,
      }));
    }
    this.#seen.set(text, { address, other, seenAt: this.#clock.now() });
    return true;
  }

  /** Returns the conflicts that were seen at `time` or later. */
  since(time: Millis): AddressConflict[] {
    return [...this.#seen.values()].filter(({ seenAt }) => seenAt >= time);
  }
}
