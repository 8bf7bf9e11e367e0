/**
 * Unique TransactionIDs for the kernel's MAD layer.
 *
 * The kernel refuses a request (EINVAL) while one with the same TransactionID is pending, but the SA client retransmits
 * a request with the same ID. Each send therefore gets an ID of its own, and the original ID is restored in the
 * response.
 *
 * Only the low 32 bits are replaced: the kernel writes the agent's ID into the high ones.
 *
 * The kernel returns each request with its response, or after its time-out. The entries have a limit of time, for
 * requests that it never returns (ibsim), and none of number: that of the pending requests depends on the interfaces of
 * the port, and each request has an ID for every transmission.
 */

import type { Millis } from "../../base/units.ts";
import type { MadView } from "../../wire/mad.ts";
import { SA_CLASS } from "./umad_classes.ts";

/** Time after which an entry is removed: twice that of the kernel, as a returned request may be read late. */
const LIMIT_MS: Millis = 2 * SA_CLASS.timeoutMs;

interface Renamed {
  readonly original: number;
  readonly until: Millis;
}

/** The replaced TransactionIDs of one port. */
export class TransactionAliases {
  /** By alias; the first one is the oldest. */
  readonly #originals = new Map<number, Renamed>();
  #next: number;

  /** @param first first ID, 32 bits; a random one prevents late responses from matching requests after a restart */
  constructor(first: number) {
    this.#next = first >>> 0;
  }

  /** Replaces the TransactionID of a request by a unique one. */
  rename(request: MadView, now: Millis): void {
    for (const [alias, { until }] of this.#originals) {
      if (until >= now) break;
      this.#originals.delete(alias);
    }
    const alias = this.#next;
    this.#next = (alias + 1) >>> 0;
    const original = request.transactionIdLow;
    this.#originals.set(alias, { original, until: now + LIMIT_MS });
    request.transactionIdLow = alias;
  }

  /** Restores the original TransactionID in a response and removes the entry. Returns false if there is none. */
  restore(response: MadView): boolean {
    const alias = response.transactionIdLow;
    const renamed = this.#originals.get(alias);
    if (renamed === undefined) return false;
    this.#originals.delete(alias);
    response.transactionIdLow = renamed.original;
    return true;
  }
}
