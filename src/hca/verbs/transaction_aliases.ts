/**
 * Unique TransactionIDs for the kernel's MAD layer.
 *
 * The kernel refuses a request (EINVAL) while one with the same TransactionID is pending, but the SA client retransmits
 * a request with the same ID. Each send therefore gets an ID of its own, and the original ID is restored in the
 * response.
 *
 * Only the low 32 bits are replaced: the kernel writes the agent's ID into the high ones.
 */

import type { MadView } from "../../wire/mad.ts";

/** Limit for requests that the kernel never returns; more than can be pending at the same time. */
const MAX_ALIASES = 4096;

/** The replaced TransactionIDs of one port. */
export class TransactionAliases {
  readonly #originals = new Map<number, number>();
  #next: number;

  /** @param first first ID, 32 bits; a random one prevents late responses from matching requests after a restart */
  constructor(first: number) {
    this.#next = first >>> 0;
  }

  /** Replaces the TransactionID of a request by a unique one. */
  rename(request: MadView): void {
    const alias = this.#next;
    this.#next = (alias + 1) >>> 0;
    this.#originals.set(alias, request.transactionIdLow);
    request.transactionIdLow = alias;
    if (this.#originals.size <= MAX_ALIASES) return;
    const [oldest] = this.#originals.keys();
    this.#originals.delete(oldest!);
  }

  /** Restores the original TransactionID in a response and removes the entry. Returns false if there is none. */
  restore(response: MadView): boolean {
    const alias = response.transactionIdLow;
    const original = this.#originals.get(alias);
    if (original === undefined) return false;
    this.#originals.delete(alias);
    response.transactionIdLow = original;
    return true;
  }
}
