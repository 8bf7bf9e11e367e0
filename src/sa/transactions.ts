/**
 * Requests and their answers: transaction ids, retries, time-outs (Linux `ib_sa`'s `send_mad`).
 *
 * A request with a time-out of T is sent at once and again every T/10 ms, eleven times in all, so it fails
 * after 1.1 T. Where it goes is asked at each send: a changed SM LID or SL is followed. Answers are matched by
 * the low half of the TransactionID (the kernel's MAD layer owns the high half), by method and by attribute.
 *
 * A table may take more than one MAD: from its first segment on nothing is asked again, and the transfer fails
 * when the next one does not come for T.
 *
 * Nothing here looks at a clock: {@linkcode Transactions.tick} is called when {@linkcode Transactions.deadline} has come.
 * Requests that wait equally long stand in one queue, in the order of their deadlines, so that neither an answer nor a
 * repetition costs time in proportion to the number of requests.
 */

import type { Millis } from "../base/units.ts";
import type { MadAddress } from "../hca/hca.ts";
import { MAD_LENGTH, MadStatus, MadView, responseMethod } from "../wire/mad.ts";
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

import { type Table, TableReceiver } from "./table_receiver.ts";

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

/** What to ask a table for; `parse` reads the record at an offset of the table. */
export interface TableQuestion<T>
  extends Omit<Question<T>, "parse" | "whenEnded"> {
  parse(table: Uint8Array, base: number): T | undefined;
}

/** Where the administrator is; undefined while that is unknown (such a send is lost, the next may go). */
export type AdministratorAddress = () => MadAddress | undefined;

interface Pending {
  readonly id: number;
  readonly mad: Uint8Array;
  readonly method: number;
  readonly attribute: number;
  readonly interval: Millis;
  readonly timeout: Millis;
  /** Present if the answer is a table. */
  readonly receiver?: TableReceiver;
  sendsLeft: number;
  /** Which queue it stands in. */
  pause: Millis;
  deadline: Millis;
  /** Called with the 200 bytes of attribute data, or with the table. */
  succeed(answer: Table, now: Millis): void;
  fail(status: number, errno: number, now: Millis): void;
  /** Present if "request invalid" for a repetition means that an earlier copy was carried out. */
  refusedAgain?(now: Millis): void;
}

export class Transactions {
  readonly #pending = new Map<number, Pending>();
  /** By the pause before the next step; the first of a queue is due first. */
  readonly #queues = new Map<Millis, Set<Pending>>();
  /** Nothing is due before. */
  #earliest: Millis = Infinity;
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
    // Asked for in each turn of the loop.
    return this.#pending.size === 0 ? Infinity : this.#earliest;
  }

  /** Asks; `callback` is called exactly once, unless the request is cancelled. */
  ask<T>(
    question: Question<T>,
    now: Millis,
    callback: SaCallback<T>,
  ): SaRequest {
    return this.#ask(question, now, {
      succeed: ({ data }, now) => {
        const record = question.parse(data);
        callback(
          record === undefined
            ? { ok: false, status: 0, errno: EINVAL }
            : { ok: true, record },
          now,
        );
      },
      fail: (status, errno, now) => callback({ ok: false, status, errno }, now),
      ...question.whenEnded === undefined ? {} : {
        refusedAgain: (now) =>
          callback({ ok: true, record: question.whenEnded! }, now),
      },
    });
  }

  /** Asks for a table; `callback` is called exactly once, unless the request is cancelled. */
  askTable<T>(
    question: TableQuestion<T>,
    now: Millis,
    callback: SaCallback<T[]>,
  ): SaRequest {
    return this.#ask(question, now, {
      receiver: new TableReceiver(),
      succeed: (table, now) => {
        const records = recordsOf(table, question.parse);
        callback(
          records === undefined
            ? { ok: false, status: 0, errno: EINVAL }
            : { ok: true, record: records },
          now,
        );
      },
      fail: (status, errno, now) => callback({ ok: false, status, errno }, now),
    });
  }

  #ask(
    question: Omit<Question<unknown>, "parse" | "whenEnded">,
    now: Millis,
    outcome: Pick<Pending, "receiver" | "succeed" | "fail" | "refusedAgain">,
  ): SaRequest {
    const id = this.#takeId();
    const interval = question.timeout / RETRIES;
    const pending: Pending = {
      ...outcome,
      id,
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
      timeout: question.timeout,
      sendsLeft: RETRIES,
      pause: interval,
      deadline: Infinity,
    };
    this.#pending.set(id, pending);
    this.#queue(pending, interval, now);
    this.#transmit(pending.mad);
    return {
      cancel: () => {
        if (this.#pending.get(id) === pending) this.#end(pending);
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
    if (view.status === 0 && pending.receiver !== undefined) {
      this.#onSegment(pending, pending.receiver, mad, now);
      return true;
    }
    this.#end(pending);
    const repeated = pending.sendsLeft < RETRIES;
    if (
      repeated && view.status === MadStatus.RequestInvalid &&
      pending.refusedAgain !== undefined
    ) pending.refusedAgain(now);
    else if (view.status !== 0) pending.fail(view.status, EINVAL, now);
    else pending.succeed({ data: mad.slice(SA_DATA_OFFSET), stride: 0 }, now);
    return true;
  }

  #onSegment(
    pending: Pending,
    receiver: TableReceiver,
    mad: Uint8Array,
    now: Millis,
  ): void {
    const { reply, table, failed } = receiver.take(SaMad.parse(mad)!);
    pending.sendsLeft = 0;
    this.#queue(pending, pending.timeout, now);
    if (reply !== undefined) this.#transmit(reply);
    if (table === undefined && failed !== true) return;
    this.#end(pending);
    if (table !== undefined) pending.succeed(table, now);
    else pending.fail(0, EINVAL, now);
  }

  /** Repeats and gives up what is due; returns the next deadline, or Infinity. */
  tick(now: Millis): Millis {
    if (now < this.#earliest) return this.deadline;
    for (const queue of this.#queues.values()) {
      // What is queued meanwhile is for a later tick.
      for (let left = queue.size; left > 0; left--) {
        const [first] = queue;
        if (!first || first.deadline > now) break;
        this.#step(first, now);
      }
    }
    this.#earliest = Infinity;
    for (const [first] of this.#queues.values()) {
      if (first && first.deadline < this.#earliest) {
        this.#earliest = first.deadline;
      }
    }
    return this.deadline;
  }

  /** Repeats a request, or gives it up. */
  #step(pending: Pending, now: Millis): void {
    if (pending.sendsLeft === 0) {
      this.#end(pending);
      const abort = pending.receiver?.giveUp();
      if (abort !== undefined) this.#transmit(abort);
      pending.fail(0, ETIMEDOUT, now);
    } else {
      pending.sendsLeft--;
      this.#queue(pending, pending.interval, now);
      this.#transmit(pending.mad);
    }
  }

  #queue(pending: Pending, pause: Millis, now: Millis): void {
    this.#queues.get(pending.pause)?.delete(pending);
    pending.pause = pause;
    pending.deadline = now + pause;
    const queue = this.#queues.get(pause);
    if (queue) queue.add(pending);
    else this.#queues.set(pause, new Set([pending]));
    if (pending.deadline < this.#earliest) this.#earliest = pending.deadline;
  }

  #end(pending: Pending): void {
    this.#pending.delete(pending.id);
    this.#queues.get(pending.pause)?.delete(pending);
  }

  /** Gives every request up with EINTR: the administrator that was asked is no more. */
  flush(now: Millis): void {
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    this.#queues.clear();
    this.#earliest = Infinity;
    for (const { fail } of pending) fail(0, EINTR, now);
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

/** The records of a table; undefined if one of them cannot be read. */
function recordsOf<T>(
  { data, stride }: Table,
  parse: (table: Uint8Array, base: number) => T | undefined,
): T[] | undefined {
  const records: T[] = [];
  for (
    let base = 0;
    stride > 0 && base + stride <= data.length;
    base += stride
  ) {
    const record = parse(data, base);
    if (record === undefined) return undefined;
    records.push(record);
  }
  return records;
}
