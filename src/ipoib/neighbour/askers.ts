/**
 * Pending ARP requests or neighbour solicitations of other hosts ("askers") that were passed to the kernel. The
 * kernel's reply has no link-layer address, so it is matched with the oldest unanswered request for the same pair of IP
 * addresses.
 *
 * Several hosts may request an address at the same time, even with the same sender address, such as 0.0.0.0 (RFC 5227
 * probes). The kernel may not reply at all, so a request is ignored after ASKER_LIFETIME_MS. At MAX_ASKERS requests,
 * the first request of the oldest pair of addresses is dropped.
 */

import type { Millis } from "../../base/units.ts";
import type { IpAddress } from "../../wire/ip_address.ts";
import type { LinkAddress } from "../../wire/link_address.ts";
import { ASKER_LIFETIME_MS, MAX_ASKERS } from "../constants.ts";
import type { Statistics } from "../statistics.ts";

/** An IPv4 address as an integer, or an address of any family. */
type Address = number | IpAddress;

export interface Asker {
  readonly sender: Address;
  readonly target: Address;
  readonly from: LinkAddress;
  /** True if the request was sent by unicast. */
  readonly unicast: boolean;
  readonly at: Millis;
}

export class Askers {
  readonly #statistics: Statistics;
  readonly #waiting = new Map<string, Asker[]>();
  #count = 0;

  constructor(statistics: Statistics) {
    this.#statistics = statistics;
  }

  /** Adds a request for `target` from address `sender` at link-layer address `from`. */
  add(
    sender: Address,
    target: Address,
    from: LinkAddress,
    unicast: boolean,
    now: Millis,
  ): void {
    if (this.#count >= MAX_ASKERS) this.#dropOldest();
    const key = keyOf(sender, target);
    const asker = { sender, target, from, unicast, at: now };
    const others = this.#waiting.get(key);
    if (others) others.push(asker);
    else this.#waiting.set(key, [asker]);
    this.#count++;
  }

  /** Removes and returns the oldest request of a pair that has not expired; undefined if there is none. */
  take(sender: Address, target: Address, now: Millis): Asker | undefined {
    for (;;) {
      const first = this.#shift(sender, target);
      if (!first || now - first.at <= ASKER_LIFETIME_MS) return first;
    }
  }

  clear(): void {
    this.#waiting.clear();
    this.#count = 0;
  }

  #shift(sender: Address, target: Address): Asker | undefined {
    const key = keyOf(sender, target);
    const askers = this.#waiting.get(key);
    const first = askers?.shift();
    if (!first) return undefined;
    this.#count--;
    if (askers!.length === 0) this.#waiting.delete(key);
    return first;
  }

  /** Drops the first request of the oldest key. */
  #dropOldest(): void {
    const { value } = this.#waiting.values().next();
    if (!value?.[0]) return;
    this.#shift(value[0].sender, value[0].target);
    this.#statistics.tables.add("askers_evicted");
  }
}

function keyOf(sender: Address, target: Address): string {
  return `${sender}/${target}`;
}
