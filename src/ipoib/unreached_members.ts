/**
 * Destinations that an interface does not reach while its port is a limited member of the partition.
 *
 * Limited members communicate with full members only: HCAs and switches discard packets between two limited members
 * (IBTA vol. 1 section 10.9.3), and the subnet administrator returns no path. The port cannot read the membership of
 * another port. It is certain when the administrator knows the other port, but no path to it; an unanswered address
 * resolution request may have other causes.
 */

import type { Logger } from "../base/log.ts";
import { formatPkey } from "../base/units.ts";
import { formatGid } from "../wire/gid.ts";
import type { IpAddress } from "../wire/ip_address.ts";
import { MAX_UNREACHED } from "./constants.ts";
import type { InterfaceEvents } from "./interface_events.ts";
import type { LinkIdentity } from "./link_identity.ts";

/** A destination that is not reached, with the reason. */
export interface Unreached {
  /** IP address or GID. */
  readonly destination: string;
  readonly reason: string;
}

/** The last {@linkcode MAX_UNREACHED} unreached destinations of one interface. */
export class UnreachedMembers {
  readonly #identity: LinkIdentity;
  readonly #log: Logger;
  readonly #events: InterfaceEvents;
  /** Reasons by destination, oldest first. */
  readonly #reasons = new Map<string, string>();

  constructor(identity: LinkIdentity, log: Logger, events: InterfaceEvents) {
    this.#identity = identity;
    this.#log = log;
    this.#events = events;
  }

  /** Records that no reply to address resolution requests has arrived. Ignored on a full member. */
  noAnswer(address: IpAddress): void {
    if (!this.#identity.isLimited) return;
    this.#add(
      String(address),
      `no answer; if it is up, both ends are limited members of partition ${
        formatPkey(this.#identity.pkey)
      }`,
    );
  }

  /** Records that the subnet administrator has no path to a port that it knows. Ignored on a full member. */
  noPath(gid: Uint8Array): void {
    if (!this.#identity.isLimited) return;
    this.#add(
      formatGid(gid),
      `no path; both ends are limited members of partition ${
        formatPkey(this.#identity.pkey)
      }`,
    );
  }

  addressReached(address: IpAddress): void {
    if (this.#reasons.size > 0) this.#reasons.delete(String(address));
  }

  portReached(gid: Uint8Array): void {
    if (this.#reasons.size > 0) this.#reasons.delete(formatGid(gid));
  }

  clear(): void {
    this.#reasons.clear();
  }

  /** Returns the unreached destinations; none if the port is a full member now. */
  list(): Unreached[] {
    if (!this.#identity.isLimited) return [];
    return [...this.#reasons]
      .map(([destination, reason]) => ({ destination, reason }));
  }

  #add(destination: string, reason: string): void {
    if (this.#reasons.has(destination)) return;
    if (this.#reasons.size >= MAX_UNREACHED) {
      const [oldest] = this.#reasons.keys();
      this.#reasons.delete(oldest!);
    }
    this.#reasons.set(destination, reason);
    this.#log.warn(`${destination} is not reached: ${reason}`);
    this.#events.add("neigh", "unreached", () => ({
      subject: destination,
      cause: reason,
    }));
  }
}
