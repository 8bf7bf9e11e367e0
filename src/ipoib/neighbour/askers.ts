/**
 * Who asked the kernel for which address: its answer does not say to whom it goes.
 *
 * Several hosts may ask for one address at once, all with the sender 0.0.0.0 too (RFC 5227 probes): each answer goes to
 * the one that asked first and was not answered yet. The kernel may not answer at all, so a request counts for some
 * seconds only; the newest are kept, up to a bound.
 */

import type { Millis } from "../../base/units.ts";
import type { LinkAddress } from "../../wire/link_address.ts";
import { ASKER_LIFETIME_MS, MAX_ASKERS } from "../constants.ts";
import type { Statistics } from "../statistics.ts";

interface Asker {
  readonly sender: number;
  readonly target: number;
  readonly from: LinkAddress;
  readonly at: Millis;
}

export class Askers {
  readonly #statistics: Statistics;
  readonly #waiting = new Map<string, Asker[]>();
  #count = 0;

  constructor(statistics: Statistics) {
    this.#statistics = statistics;
  }

  /** A request reached the kernel. */
  add(sender: number, target: number, from: LinkAddress, now: Millis): void {
    if (this.#count >= MAX_ASKERS) this.#dropOldest();
    const key = keyOf(sender, target);
    const asker = { sender, target, from, at: now };
    const others = this.#waiting.get(key);
    if (others) others.push(asker);
    else this.#waiting.set(key, [asker]);
    this.#count++;
  }

  /** Who the kernel's answer goes to; undefined if nobody is known to have asked. */
  take(sender: number, target: number, now: Millis): LinkAddress | undefined {
    for (;;) {
      const first = this.#shift(sender, target);
      if (!first || now - first.at <= ASKER_LIFETIME_MS) return first?.from;
    }
  }

  clear(): void {
    this.#waiting.clear();
    this.#count = 0;
  }

  #shift(sender: number, target: number): Asker | undefined {
    const key = keyOf(sender, target);
    const askers = this.#waiting.get(key);
    const first = askers?.shift();
    if (!first) return undefined;
    this.#count--;
    if (askers!.length === 0) this.#waiting.delete(key);
    return first;
  }

  /** Of the key that has waited longest, the first one. */
  #dropOldest(): void {
    const { value } = this.#waiting.values().next();
    if (!value?.[0]) return;
    this.#shift(value[0].sender, value[0].target);
    this.#statistics.tables.add("askers_evicted");
  }
}

function keyOf(sender: number, target: number): string {
  return `${sender}/${target}`;
}
