/**
 * Completion moderation: completions of a queue pair become an event after a number of them or some time after the first
 * one, as with `ibv_modify_cq` (IBTA leaves it to the device; this is what Linux drivers call rx-usecs and rx-frames).
 *
 * Descriptors are always taken when the port runs; what is held back is `onReceive`, and the port's sleep goes on while it
 * is: the announcement in the rings (ring.ts) then asks for the bell only when the number would be reached, and a timer
 * ends the period. An isolated packet waits for the whole period. A stream whose pauses are shorter than a period has
 * the next one begin at the end of the last, so that it costs one wake-up a period and not a second one to begin it; its
 * packets wait shorter.
 *
 * A packet that ends a sleep has waited for as long as waking a process takes, {@linkcode WAKING_MS} here; that is part of
 * its period. A period shorter than that changes nothing: to sleep once more would only cost.
 *
 * Without a number of frames {@linkcode MAX_HELD_FRAMES} rules: what a peer may always have under way, so that moderation never
 * holds its credit back.
 *
 * The port has one doorbell. While completions of one queue pair are held back, packets to another one of the same port do
 * not wake the process; they are taken at the end of that period at the latest.
 */

import type { Millis } from "../../base/units.ts";
import type { Reactor, Timer } from "../../system/reactor.ts";
import type { CqModeration } from "../hca.ts";

/** Completions that are held back at most. */
export const MAX_HELD_FRAMES = 64;
/** What a doorbell takes to wake a process: measured on two busy cores, 20 to 40 us. */
const WAKING_MS: Millis = 0.02;
const MICROS_PER_MILLI = 1000;

/** The moderation of one queue pair, and where its present period stands. */
export class Period {
  /** Milliseconds; 0: every completion is an event. */
  length: Millis = 0;
  /** Completions that end the wait before its time. */
  frames = 1;
  /** When the period ends; Infinity while there is none. */
  end: Millis = Infinity;
  /** Completions of this period that became events. */
  passed = 0;
  /** True if it began not later after the one before than a period lasts. */
  dense = false;
  /** When the last one ended. */
  ended: Millis = -Infinity;
}

/** What the moderator needs of a queue pair. */
export interface ModeratedQp {
  readonly completions: { readonly count: number };
  readonly period: Period;
  readonly onReceive: () => void;
}

/** The moderation of a port. */
export class Moderator {
  /** True if any queue pair is moderated: else {@linkcode settle} need not be called. */
  active = false;
  /** Descriptors in a ring that are worth a wake-up. */
  threshold = 1;
  readonly #qps: readonly ModeratedQp[];
  readonly #onEvent: () => void;
  readonly #reactor: Reactor;
  readonly #timer: Timer;

  /**
   * @param qps those of the port, as they come and go
   * @param take called at the end of a period: takes what is in the rings and settles
   * @param onEvent called before each event
   */
  constructor(
    reactor: Reactor,
    qps: readonly ModeratedQp[],
    take: () => void,
    onEvent: () => void,
  ) {
    this.#reactor = reactor;
    this.#qps = qps;
    this.#onEvent = onEvent;
    this.#timer = reactor.timer(take);
  }

  /** Moderates a queue pair from now on; what it held back becomes an event. */
  set(qp: ModeratedQp, { rxUsecs, rxFrames }: CqModeration): void {
    const { period } = qp;
    period.length = rxUsecs / MICROS_PER_MILLI;
    period.frames = Math.min(MAX_HELD_FRAMES, rxFrames || MAX_HELD_FRAMES);
    period.end = Infinity;
    period.passed = 0;
    if (qp.completions.count > 0) this.#event(qp);
    this.refresh();
  }

  /** The queue pairs of the port changed. */
  refresh(): void {
    this.active = this.#qps.some(({ period }) => period.length > 0);
    this.#schedule();
  }

  /** Descriptors of a link were taken: those who need not wait, or have enough, get their event. */
  deliver(): void {
    const qps = this.#qps;
    for (let i = 0; i < qps.length; i++) {
      const qp = qps[i]!;
      const { count } = qp.completions;
      if (count === 0) continue;
      const { period } = qp;
      if (period.length > 0) {
        if (count < period.frames) continue;
        period.passed += count;
      }
      this.#event(qp);
    }
  }

  /**
   * Descriptors of all links were taken: periods begin and end.
   *
   * @param more true if a ring has more that came before now, so that those must not wait for another period
   * @param woken true if the port slept until now
   */
  settle(more: boolean, woken: boolean): void {
    const qps = this.#qps;
    const now = this.#reactor.clock.now();
    for (let i = 0; i < qps.length; i++) {
      const qp = qps[i]!;
      const { period } = qp;
      if (period.length === 0) continue;
      const { count } = qp.completions;
      const seen = period.passed + count;
      if (period.end === Infinity) {
        if (seen === 0) continue;
        const begun = woken ? now - WAKING_MS : now;
        period.dense = begun - period.ended <= period.length;
        period.end = begun + period.length;
      }
      if (period.end <= now) {
        const goesOn = period.dense && seen > 0;
        period.passed = 0;
        period.ended = now;
        period.end = more ? now : goesOn ? now + period.length : Infinity;
        if (count > 0) this.#event(qp);
      }
    }
    this.#schedule();
  }

  close(): void {
    this.#timer.close();
  }

  #event(qp: ModeratedQp): void {
    this.#onEvent();
    qp.onReceive();
  }

  /** The timer of the first period to end, and the number of descriptors that would end one before its time. */
  #schedule(): void {
    const qps = this.#qps;
    let first = Infinity;
    let threshold = MAX_HELD_FRAMES;
    for (let i = 0; i < qps.length; i++) {
      const { period, completions } = qps[i]!;
      if (period.end === Infinity) continue;
      if (period.end < first) first = period.end;
      threshold = Math.min(threshold, period.frames - completions.count);
    }
    this.threshold = first === Infinity ? 1 : Math.max(1, threshold);
    this.#timer.at(first);
  }
}
