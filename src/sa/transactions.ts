/**
 * Requests and their answers: transaction ids, retries, time-outs (Linux `ib_sa`'s `send_mad`).
 *
 * A request with a time-out of T is sent at once and again every T/10 ms, eleven times in all, so it fails
 * after 1.1 T. Where it goes is asked at each send: a changed SM LID or SL is followed. Answers are matched by
 * the low half of the TransactionID (the kernel's MAD layer owns the high half), by method and by attribute.
 *
 * Nothing here looks at a clock: {@linkcode Transactions.tick} is called when {@linkcode Transactions.deadline} has come.
 */

import type { Millis } from "../base/units.ts";
import type { MadAddress } from "../hca/hca.ts";
import { MAD_LENGTH, MadView, responseMethod } from "../wire/mad.ts";
import {
  NO_RMPP,
  SA_CLASS_VERSION,
  SA_DATA_OFFSET,
  SaMad,
} from "../wire/sa/sa_mad.ts";
import {
  EINTR,
  EINVAL,
  ETIMEDOUT,
  type SaCallback,
  type SaRequest,
} from "./result.ts";

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
  /** Reads the 200 octets of attribute data of the answer; undefined makes the request fail with EINVAL. */
  parse(data: Uint8Array): T | undefined;
}

/** Where the administrator is; undefined while that is unknown (such a send is lost, the next may go). */
export type AdministratorAddress = () => MadAddress | undefined;

interface Pending {
  readonly mad: Uint8Array;
  readonly method: number;
  readonly attribute: number;
  readonly interval: Millis;
  sendsLeft: number;
  deadline: Millis;
  succeed(data: Uint8Array, now: Millis): void;
  fail(status: number, errno: number, now: Millis): void;
}

export class Transactions {
  readonly #pending = new Map<number, Pending>();
  readonly #send: (mad: Uint8Array, to: MadAddress) => void;
  readonly #address: AdministratorAddress;
  #nextId: number;

  constructor(
    send: (mad: Uint8Array, to: MadAddress) => void,
    address: AdministratorAddress,
    firstId = 1,
  ) {
    this.#send = send;
    this.#address = address;
    this.#nextId = firstId >>> 0;
  }

  /** Requests under way. */
  get size(): number {
    return this.#pending.size;
  }

  /** When {@linkcode tick} has something to do, or Infinity. */
  get deadline(): Millis {
    let earliest = Infinity;
    for (const { deadline } of this.#pending.values()) {
      if (deadline < earliest) earliest = deadline;
    }
    return earliest;
  }

  /** Asks; `callback` is called exactly once, unless the request is cancelled. */
  ask<T>(
    question: Question<T>,
    now: Millis,
    callback: SaCallback<T>,
  ): SaRequest {
    const id = this.#takeId();
    const interval = question.timeout / RETRIES;
    const pending: Pending = {
      mad: SaMad.emit({
        classVersion: SA_CLASS_VERSION,
        method: question.method,
        status: 0,
        transactionId: BigInt(id),
        attributeId: question.attribute,
        attributeModifier: 0,
        rmpp: NO_RMPP,
        smKey: 0n,
        attributeOffset: 0,
        componentMask: question.componentMask,
        data: question.data,
      }),
      method: responseMethod(question.method),
      attribute: question.attribute,
      interval,
      sendsLeft: RETRIES,
      deadline: now + interval,
      succeed: (data, now) => {
        const record = question.parse(data);
        callback(
          record === undefined
            ? { ok: false, status: 0, errno: EINVAL }
            : { ok: true, record },
          now,
        );
      },
      fail: (status, errno, now) => callback({ ok: false, status, errno }, now),
    };
    this.#pending.set(id, pending);
    this.#transmit(pending);
    return {
      cancel: () => {
        if (this.#pending.get(id) === pending) this.#pending.delete(id);
      },
    };
  }

  /** Takes an answer; false if it belongs to no request under way. */
  onAnswer(mad: Uint8Array, now: Millis): boolean {
    if (mad.length !== MAD_LENGTH) return false;
    const view = new MadView(
      new DataView(mad.buffer, mad.byteOffset, mad.byteLength),
    );
    const id = view.transactionIdLow;
    const pending = this.#pending.get(id);
    if (
      pending === undefined || pending.method !== view.method ||
      pending.attribute !== view.attributeId
    ) return false;
    this.#pending.delete(id);
    if (view.status !== 0) pending.fail(view.status, EINVAL, now);
    else pending.succeed(mad.slice(SA_DATA_OFFSET), now);
    return true;
  }

  /** Repeats and gives up what is due; returns the next deadline, or Infinity. */
  tick(now: Millis): Millis {
    for (const [id, pending] of [...this.#pending]) {
      if (pending.deadline > now || this.#pending.get(id) !== pending) continue;
      if (pending.sendsLeft === 0) {
        this.#pending.delete(id);
        pending.fail(0, ETIMEDOUT, now);
      } else {
        pending.sendsLeft--;
        pending.deadline = now + pending.interval;
        this.#transmit(pending);
      }
    }
    return this.deadline;
  }

  /** Gives every request up with EINTR: the administrator that was asked is no more. */
  flush(now: Millis): void {
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { fail } of pending) fail(0, EINTR, now);
  }

  #transmit(pending: Pending): void {
    const to = this.#address();
    if (to !== undefined) this.#send(pending.mad, to);
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
