/**
 * SA transactions: transaction IDs, retransmission and time-outs (Linux `ib_sa`, `send_mad`).
 *
 * A request with a time-out of T ms is sent at once and retransmitted ten times at intervals of T/10, so it fails after
 * 1.1 T. Each transmission goes to the current SM LID and SL. Responses are matched by the low half of the
 * TransactionID (the kernel's MAD layer owns the high half), the method and the attribute.
 *
 * A transmission that the device refuses ({@linkcode Transactions.onSendFailed}) does not change this schedule. If the
 * last one was refused, the request fails with the errno of the refusal.
 *
 * The module reads no clock: the owner calls {@linkcode Transactions.tick} at the time last given to `wakeAt`. Requests
 * with the same interval share a queue ordered by deadline, so the cost of a response or a retransmission does not grow
 * with the number of pending requests.
 */

import { Errno, errnoText } from "../base/errno.ts";
import { explain, getLogger, type Logger } from "../base/log.ts";
import type { Millis } from "../base/units.ts";
import {
  formatMadStatus,
  MAD_BASE_VERSION,
  MAD_LENGTH,
  type MadAddress,
  MadStatus,
  MadView,
  Method,
  responseMethod,
} from "../wire/mad.ts";
import { SA_DATA_OFFSET, SaAttribute, SaMad } from "../wire/sa/sa_mad.ts";
import type { SaCallback, SaFailure, SaRequest } from "./result.ts";

/** Number of retransmissions after the first transmission. */
export const RETRIES = 10;

/** A request and the parser of its response. */
export interface Question<T> {
  method: number;
  attribute: number;
  componentMask: bigint;
  data: Uint8Array;
  /** Returns the GID that the request is about, for the log. */
  subject?: () => string;
  /** Time-out T in ms; the module header defines the retransmission schedule. */
  timeout: Millis;
  /** Parses the 200 bytes of attribute data of the response. The request fails with EINVAL if it returns undefined. */
  parse(data: Uint8Array): T | undefined;
  /**
   * Set for a request that deletes a record. If the status is "request invalid" after a retransmission, an earlier copy
   * has deleted the record and its response is late or lost. The request then succeeds with this record.
   */
  whenEnded?: T;
  /**
   * Set for a request that has no purpose on a port that is down: returns true while it is. Then transmissions are
   * skipped, and the request fails with ENETDOWN at the time of the next one.
   */
  isPortDown?: () => boolean;
}

/** Parameters of {@linkcode Transactions}. */
export interface TransactionsOptions {
  send: (mad: Uint8Array, to: MadAddress) => void;
  /** Returns the address of the administrator. While undefined, transmissions are skipped but counted as retries. */
  address: () => MadAddress | undefined;
  /**
   * Called with the time of the next tick after each tick, when a new request is due earlier, and with Infinity when no
   * request is pending.
   */
  wakeAt: (when: Millis) => void;
  /** The first TransactionID, 32 bits. Default: 1. */
  firstId?: number;
  log?: Logger | undefined;
}

interface Pending {
  readonly id: number;
  /** Returns the request as text for the log. */
  readonly text: () => string;
  readonly mad: Uint8Array;
  readonly method: number;
  readonly attribute: number;
  /** Time between transmissions, and from the last one to failure. Key of the request's queue. */
  readonly interval: Millis;
  sendsLeft: number;
  /** Positive errno if the device has refused the last transmission, otherwise 0. */
  sendErrno: number;
  deadline: Millis;
  readonly isPortDown: () => boolean;
  /** Called with the 200 bytes of attribute data. */
  succeed(data: Uint8Array, now: Millis): void;
  fail(failure: SaFailure, now: Millis): void;
  /** Present if "request invalid" after a retransmission means that an earlier copy succeeded. */
  refusedAgain?(now: Millis): void;
}

export class Transactions {
  readonly #pending = new Map<number, Pending>();
  /** By interval. Each queue is ordered by deadline. */
  readonly #queues = new Map<Millis, Set<Pending>>();
  /** No request is due before this time. */
  #earliest: Millis = Infinity;
  readonly #send: (mad: Uint8Array, to: MadAddress) => void;
  readonly #address: () => MadAddress | undefined;
  readonly #wakeAt: (when: Millis) => void;
  #nextId: number;
  readonly #log: Logger;

  constructor(options: TransactionsOptions) {
    const { send, address, wakeAt, firstId = 1, log = getLogger() } = options;
    this.#log = log;
    this.#send = send;
    this.#address = address;
    this.#wakeAt = wakeAt;
    this.#nextId = firstId >>> 0;
  }

  /** Starts a request. Calls `callback` exactly once, unless the request is cancelled. */
  ask<T>(
    question: Question<T>,
    now: Millis,
    callback: SaCallback<T>,
  ): SaRequest {
    const { method, attribute, componentMask, data, whenEnded } = question;
    const { subject = () => "", isPortDown = () => false } = question;
    const id = this.#takeId();
    const pending: Pending = {
      id,
      text: () =>
        `SA request ${requestName(method, attribute)} ${subject()} ` +
        `(transaction ${id})`,
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
      sendErrno: 0,
      deadline: Infinity,
      isPortDown,
      succeed: (data, now) => {
        const record = question.parse(data);
        callback(
          record === undefined
            ? { ok: false, status: 0, errno: Errno.EINVAL }
            : { ok: true, record },
          now,
        );
      },
      fail: (failure, now) => callback({ ok: false, ...failure }, now),
      ...whenEnded === undefined ? {} : {
        refusedAgain: (now) => callback({ ok: true, record: whenEnded }, now),
      },
    };
    this.#pending.set(id, pending);
    this.#queue(pending, now);
    this.#transmit(pending);
    return {
      cancel: () => {
        if (this.#pending.get(id) !== pending) return;
        explain(this.#log, () => `${pending.text()} is cancelled`);
        this.#end(pending);
      },
    };
  }

  /** Handles a received MAD. Ignores a MAD that matches no pending request. */
  onAnswer(mad: Uint8Array, now: Millis): void {
    if (mad.length !== MAD_LENGTH) return;
    const view = MadView.of(mad);
    const pending = this.#pending.get(view.transactionIdLow);
    if (
      pending === undefined || pending.method !== view.method ||
      pending.attribute !== view.attributeId ||
      view.baseVersion !== MAD_BASE_VERSION
    ) return;
    explain(
      this.#log,
      () =>
        `${pending.text()} is answered with status ${
          formatMadStatus(view.status)
        }`,
    );
    this.#end(pending);
    const repeated = pending.sendsLeft < RETRIES;
    if (
      repeated && view.status === MadStatus.RequestInvalid &&
      pending.refusedAgain !== undefined
    ) pending.refusedAgain(now);
    else if (view.status !== 0) {
      pending.fail({ status: view.status, errno: Errno.EINVAL }, now);
    } else pending.succeed(mad.slice(SA_DATA_OFFSET), now);
  }

  /**
   * Handles the refusal of the last transmission of the request with this TransactionID, which has a positive errno.
   * Ignores an ID that matches no pending request.
   */
  onSendFailed(transactionId: number, errno: number): void {
    const pending = this.#pending.get(transactionId);
    if (pending !== undefined) pending.sendErrno = errno;
  }

  /** Retransmits or fails the requests that are due at `now`. */
  tick(now: Millis): void {
    for (const queue of this.#queues.values()) {
      // Requests that callbacks queue during this tick wait for the next one.
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

  /**
   * Retransmits a request. After the last retransmission, fails it with ETIMEDOUT, or with the errno of the device if it
   * has refused that one. On a port that is down, a request with {@linkcode Question.isPortDown} fails with ENETDOWN.
   */
  #step(pending: Pending, now: Millis): void {
    if (pending.isPortDown()) {
      explain(
        this.#log,
        () => `${pending.text()} ends: the port is down`,
      );
      this.#end(pending);
      pending.fail({ status: 0, errno: Errno.ENETDOWN }, now);
    } else if (pending.sendsLeft === 0) {
      const { sendErrno } = pending;
      explain(
        this.#log,
        () =>
          `${pending.text()} has failed: ${
            sendErrno === 0
              ? "no answer"
              : `the device refuses to send it: ${errnoText(sendErrno)}`
          }`,
      );
      this.#end(pending);
      pending.fail(
        sendErrno === 0
          ? { status: 0, errno: Errno.ETIMEDOUT }
          : { status: 0, errno: sendErrno, unsent: true },
        now,
      );
    } else {
      pending.sendsLeft--;
      this.#queue(pending, now);
      this.#transmit(pending);
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

  #transmit(pending: Pending): void {
    if (pending.isPortDown()) return;
    pending.sendErrno = 0;
    const to = this.#address();
    explain(this.#log, () => {
      const attempt = `${RETRIES - pending.sendsLeft + 1} of ${RETRIES + 1}`;
      return to === undefined
        ? `${pending.text()} is not sent (attempt ${attempt}): the port has no subnet manager`
        : `${pending.text()} is sent to LID ${to.lid} (attempt ${attempt})`;
    });
    if (to !== undefined) this.#send(pending.mad, to);
  }

  /** Returns an unused 32-bit ID, never 0. */
  #takeId(): number {
    while (this.#nextId === 0 || this.#pending.has(this.#nextId)) {
      this.#nextId = (this.#nextId + 1) >>> 0;
    }
    const id = this.#nextId;
    this.#nextId = (id + 1) >>> 0;
    return id;
  }
}

/** Returns a request as text, for example `Set MCMemberRecord`. */
function requestName(method: number, attribute: number): string {
  return `${nameOf(Method, method)} ${nameOf(SaAttribute, attribute)}`;
}

function nameOf(
  names: Readonly<Record<string, number>>,
  value: number,
): string {
  return Object.keys(names).find((name) => names[name] === value) ??
    String(value);
}
