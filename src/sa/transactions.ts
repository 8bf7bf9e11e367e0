/**
 * Requests and their answers: transaction ids, retries, time-outs (Linux `ib_sa`'s `send_mad`).
 *
 * A request with a time-out of T is sent at once and again every T/10 ms, eleven times in all, so it fails
 * after 1.1 T. Where it goes is asked at each send: a changed SM LID or SL is followed. Answers are matched by
 * the low half of the TransactionID (the kernel's MAD layer owns the high half), by method and by attribute.
 *
 * Nothing here looks at a clock: {@linkcode Transactions.tick} is called when the time has come that `wakeAt` was
 * called with last. Requests that wait equally long stand in one queue, in the order of their deadlines, so that neither
 * an answer nor a repetition costs time in proportion to the number of requests.
 */

import { Errno } from "../base/errno.ts";
import type { Millis } from "../base/units.ts";
import {
  MAD_BASE_VERSION,
  MAD_LENGTH,
  type MadAddress,
  MadStatus,
  MadView,
  responseMethod,
} from "../wire/mad.ts";
import { SA_DATA_OFFSET, SaMad } from "../wire/sa/sa_mad.ts";
import type { SaCallback, SaRequest } from "./result.ts";

/** A request is repeated this often after its first send. */
export const RETRIES = 10;

/** What to ask. */
export interface Question<T> {
  method: number;
  attribute: number;
  componentMask: bigint;
  data: Uint8Array;
  /** Milliseconds; see the module's text for what it means. */
  timeout: Millis;
  /** Reads the 200 bytes of attribute data of the answer; undefined makes the request fail with EINVAL. */
  parse(data: Uint8Array): T | undefined;
  /**
   * For a request that ends something. A repetition of it that is refused with "request invalid" finds nothing to end:
   * an earlier copy did, whose answer is late or lost. The request then succeeds with this record.
   */
  whenEnded?: T;
}

/** What transactions need of their owner. */
export interface TransactionsOptions {
  send: (mad: Uint8Array, to: MadAddress) => void;
  /** Where the administrator is; undefined while that is unknown (such a send is lost, the next may go). */
  address: () => MadAddress | undefined;
  /** Called with the time of the next step when that changes, and after each tick; Infinity: there is none. */
  wakeAt: (when: Millis) => void;
  /** The first TransactionID, 32 bits. Default: 1. */
  firstId?: number;
}

interface Pending {
  readonly id: number;
  readonly mad: Uint8Array;
  readonly method: number;
  readonly attribute: number;
  /** Between two sends, and before the end; which queue it stands in. */
  readonly interval: Millis;
  sendsLeft: number;
  deadline: Millis;
  /** Called with the 200 bytes of attribute data. */
  succeed(data: Uint8Array, now: Millis): void;
  fail(status: number, errno: number, now: Millis): void;
  /** Present if "request invalid" for a repetition means that an earlier copy was carried out. */
  refusedAgain?(now: Millis): void;
}

export class Transactions {
  readonly #pending = new Map<number, Pending>();
  /** By the interval; the first of a queue is due first. */
  readonly #queues = new Map<Millis, Set<Pending>>();
  /** Nothing is due before. */
  #earliest: Millis = Infinity;
  readonly #send: (mad: Uint8Array, to: MadAddress) => void;
  readonly #address: () => MadAddress | undefined;
  readonly #wakeAt: (when: Millis) => void;
  #nextId: number;

  constructor({ send, address, wakeAt, firstId = 1 }: TransactionsOptions) {
    this.#send = send;
    this.#address = address;
    this.#wakeAt = wakeAt;
    this.#nextId = firstId >>> 0;
  }

  /** Asks; `callback` is called exactly once, unless the request is cancelled. */
  ask<T>(
    question: Question<T>,
    now: Millis,
    callback: SaCallback<T>,
  ): SaRequest {
    const { method, attribute, componentMask, data, whenEnded } = question;
    const id = this.#takeId();
    const pending: Pending = {
      id,
      mad: SaMad.emit(SaMad.of({
        method,
        transactionId: BigInt(id),
        attributeId: attribute,
        componentMask,
        data,
      })),
      method: responseMethod(method),
      attribute,
      interval: question.timeout / RETRIES,
      sendsLeft: RETRIES,
      deadline: Infinity,
      succeed: (data, now) => {
        const record = question.parse(data);
        callback(
          record === undefined
            ? { ok: false, status: 0, errno: Errno.EINVAL }
            : { ok: true, record },
          now,
        );
      },
      fail: (status, errno, now) => callback({ ok: false, status, errno }, now),
      ...whenEnded === undefined ? {} : {
        refusedAgain: (now) => callback({ ok: true, record: whenEnded }, now),
      },
    };
    this.#pending.set(id, pending);
    this.#queue(pending, now);
    this.#transmit(pending.mad);
    return {
      cancel: () => {
        if (this.#pending.get(id) === pending) this.#end(pending);
      },
    };
  }

  /** Takes a MAD; one that answers no request under way is ignored. */
  onAnswer(mad: Uint8Array, now: Millis): void {
    if (mad.length !== MAD_LENGTH) return;
    const view = MadView.of(mad);
    const pending = this.#pending.get(view.transactionIdLow);
    if (
      pending === undefined || pending.method !== view.method ||
      pending.attribute !== view.attributeId ||
      view.baseVersion !== MAD_BASE_VERSION
    ) return;
    this.#end(pending);
    const repeated = pending.sendsLeft < RETRIES;
    if (
      repeated && view.status === MadStatus.RequestInvalid &&
      pending.refusedAgain !== undefined
    ) pending.refusedAgain(now);
    else if (view.status !== 0) pending.fail(view.status, Errno.EINVAL, now);
    else pending.succeed(mad.slice(SA_DATA_OFFSET), now);
  }

  /** Repeats and gives up what is due. */
  tick(now: Millis): void {
    for (const queue of this.#queues.values()) {
      // What is queued meanwhile is for a later tick.
      for (let left = queue.size; left > 0; left--) {
        const [first] = queue;
        if (!first || first.deadline > now) break;
        this.#step(first, now);
      }
    }
    let earliest = Infinity;
    for (const [first] of this.#queues.values()) {
      if (first && first.deadline < earliest) earliest = first.deadline;
    }
    this.#wake(earliest);
  }

  /** Repeats a request, or gives it up. */
  #step(pending: Pending, now: Millis): void {
    if (pending.sendsLeft === 0) {
      this.#end(pending);
      pending.fail(0, Errno.ETIMEDOUT, now);
    } else {
      pending.sendsLeft--;
      this.#queue(pending, now);
      this.#transmit(pending.mad);
    }
  }

  #queue(pending: Pending, now: Millis): void {
    const { interval } = pending;
    pending.deadline = now + interval;
    const queue = this.#queues.get(interval);
    if (queue) {
      queue.delete(pending);
      queue.add(pending);
    } else this.#queues.set(interval, new Set([pending]));
    if (pending.deadline < this.#earliest) this.#wake(pending.deadline);
  }

  #end(pending: Pending): void {
    this.#pending.delete(pending.id);
    this.#queues.get(pending.interval)?.delete(pending);
    if (this.#pending.size === 0) this.#wake(Infinity);
  }

  #wake(when: Millis): void {
    this.#earliest = when;
    this.#wakeAt(when);
  }

  #transmit(mad: Uint8Array): void {
    const to = this.#address();
    if (to !== undefined) this.#send(mad, to);
  }

  /** 32 bits, never 0 and never one that is under way. */
  #takeId(): number {
    while (this.#nextId === 0 || this.#pending.has(this.#nextId)) {
      this.#nextId = (this.#nextId + 1) >>> 0;
    }
    const id = this.#nextId;
    this.#nextId = (id + 1) >>> 0;
    return id;
  }
}
