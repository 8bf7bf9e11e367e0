/**
 * TransactionIDs as the kernel wants them: it refuses a request whose ID is still under way (EINVAL), but the SA client repeats
 * a request with the ID that it had. So each send gets an ID of its own, and the answer its old one back.
 *
 * Only the low half counts: the kernel writes the agent's number over the high one.
 */

import type { MadView } from "../../wire/mad.ts";

/** More than can be under way: what the kernel never hands back does not stay for ever. */
const MAX_ALIASES = 4096;

export class TransactionAliases {
  readonly #originals = new Map<number, number>();
  #next: number;

  /** @param first 32 bits; not the same after a restart, so that late answers find nothing */
  constructor(first: number) {
    this.#next = first >>> 0;
  }

  /** Gives a request an ID of its own. */
  rename(request: MadView): void {
    const alias = this.#next;
    this.#next = (alias + 1) >>> 0;
    this.#originals.set(alias, request.transactionIdLow);
    request.transactionIdLow = alias;
    if (this.#originals.size <= MAX_ALIASES) return;
    const [oldest] = this.#originals.keys();
    this.#originals.delete(oldest!);
  }

  /** Gives an answer its request's ID, and forgets the send; false if there was none. */
  restore(answer: MadView): boolean {
    const alias = answer.transactionIdLow;
    const original = this.#originals.get(alias);
    if (original === undefined) return false;
    this.#originals.delete(alias);
    answer.transactionIdLow = original;
    return true;
  }
}
