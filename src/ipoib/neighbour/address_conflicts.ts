/** Detects other hosts that use an address of this interface, and logs and records each address once. */

import type { Logger } from "../../base/log.ts";
import type { Netdev } from "../../netdev/netdev.ts";
import type { InterfaceEvents } from "../interface_events.ts";
import type { IpAddress } from "../../wire/ip_address.ts";
import {
  formatLinkAddress,
  type LinkAddress,
  linkAddressBytes,
} from "../../wire/link_address.ts";

/** Maximum number of addresses in the set of logged conflicts. A full set is cleared. */
const MAX_CONFLICTS = 256;

export class AddressConflicts {
  readonly #netdev: Netdev;
  readonly #log: Logger;
  readonly #events: InterfaceEvents;
  /** Addresses whose conflict was logged, as text. */
  readonly #logged = new Set<string>();

  constructor(
    { netdev, log, events }: {
      netdev: Netdev;
      log: Logger;
      events: InterfaceEvents;
    },
  ) {
    this.#netdev = netdev;
    this.#log = log;
    this.#events = events;
  }

  /** Returns true if `address`, which `other` uses, is an address of this interface. Logs its first conflict. */
  check(address: IpAddress, other: LinkAddress): boolean {
    if (!this.#netdev.config.isLocal(address)) return false;
    const text = `${address}`;
    if (!this.#logged.has(text)) {
      if (this.#logged.size >= MAX_CONFLICTS) this.#logged.clear();
      this.#logged.add(text);
      const user = formatLinkAddress(linkAddressBytes(other));
      this.#log.warn(`${text} is also used by ${user}`);
      this.#events.add("neigh", "conflict", () => ({
        subject: text,
        cause: `also used by ${user}`,
      }));
    }
    return true;
  }
}
