/**
 * Completion moderation: an event is raised after a number of completions of a queue pair, or some time after the
 * first one, as with `ibv_modify_cq` (IBTA leaves it to the device; the parameters are rx-usecs and rx-frames of Linux
 * drivers).
 *
 * A running port always takes descriptors. Moderation delays `onReceive` and lets the port stay asleep: the wake
 * request in the rings (ring.ts) then contains the head at which the number of completions is reached, and a timer ends
 * the period.
 *
 * An isolated packet waits for the whole period. In a stream whose pauses are shorter than a period, each period begins
 * at the end of the previous one, so the stream costs one wake-up per period, not a second one for the packet that
 * begins it, and its packets wait less than a period.
 *
 * A packet that ends a sleep has already waited while the process was woken, for about {@linkcode WAKING_MS}, which
 * counts towards its period. A shorter period does not delay such a packet, because another sleep would only add cost.
 *
 * The number of completions is at most {@linkcode MAX_HELD_FRAMES}, which also applies if none is set. With up to three
 * peers, a sender's share of its slots (out_link.ts) is at least as large, so moderation does not withhold its credit.
 *
 * A port has one doorbell. While completions of one queue pair are delayed, packets to another queue pair of the port
 * do not wake the process. They are taken at the end of that period at the latest.
 */

import type { Pending, PendingList } from "../../base/pending_list.ts";
import type { Millis } from "../../base/units.ts";
import type { Reactor, Timer } from "../../system/reactor.ts";
import type { CqModeration } from "../ud_qp.ts";

/** Maximum number of delayed completions. */
export const MAX_HELD_FRAMES = 64;
/** Minimum time in which a doorbell wakes a process: 20 to 40 us were measured on two busy cores. */
const WAKING_MS: Millis = 0.02;
const MICROS_PER_MILLI = 1000;

/** The moderation parameters of one queue pair, and the state of its current period. */
export class Period {
  /** Length of a period; 0 disables moderation. */
  length: Millis = 0;
  /** Number of completions that raise an event before the end of the period. */
  frames = 1;
  /** End of the current period; Infinity if there is none. */
  end: Millis = Infinity;
  /** Number of completions in this period for which an event was raised. */
  passed = 0;
  /** True if the period began at most one period length after the end of the previous one. */
  dense = false;
  /** End of the previous period. */
  ended: Millis = -Infinity;
}

/** The properties of a queue pair that the moderator uses. */
export interface ModeratedQp extends Pending {
  readonly completions: { readonly count: number };
  readonly period: Period;
  readonly onReceive: () => void;
}

/** The moderation of a port. */
export class Moderator {
  /** True if any queue pair is moderated; otherwise {@linkcode settle} need not be called. */
  active = false;
  /** Number of descriptors in a ring for which the port requests a wake-up. */
  threshold = 1;
  readonly #qps: readonly ModeratedQp[];
  /** The queue pairs whose completions are moderated. */
  #moderated: readonly ModeratedQp[] = [];
  readonly #arrived: PendingList<ModeratedQp>;
  readonly #onEvent: () => void;
  readonly #reactor: Reactor;
  readonly #timer: Timer;

  /**
   * @param qps the port's queue pairs, a list that its owner updates
   * @param arrived the queue pairs with completions, to which its owner adds each queue pair that receives one. Only
   *   these are visited, so that idle queue pairs cost nothing.
   * @param take called at the end of a period; takes the descriptors in the rings and calls {@linkcode settle}
   * @param onEvent called before each event
   */
  constructor(
    reactor: Reactor,
    qps: readonly ModeratedQp[],
    arrived: PendingList<ModeratedQp>,
    take: () => void,
    onEvent: () => void,
  ) {
    this.#reactor = reactor;
    this.#qps = qps;
    this.#arrived = arrived;
    this.#onEvent = onEvent;
    this.#timer = reactor.timer(take);
  }

  /** Sets the moderation of a queue pair, and raises an event for delayed completions. */
  set(qp: ModeratedQp, { rxUsecs, rxFrames }: CqModeration): void {
    const { period } = qp;
    period.length = rxUsecs / MICROS_PER_MILLI;
    period.frames = Math.min(MAX_HELD_FRAMES, rxFrames || MAX_HELD_FRAMES);
    period.end = Infinity;
    period.passed = 0;
    if (qp.completions.count > 0) this.#event(qp);
    this.refresh();
  }

  /** Applies a change of the port's queue pairs. */
  refresh(): void {
    this.#moderated = this.#qps.filter(({ period }) => period.length > 0);
    this.active = this.#moderated.length > 0;
    this.#schedule();
  }

  /**
   * Raises events after the descriptors of a link were taken: for queue pairs without moderation, and for those that
   * have reached their number of completions.
   */
  deliver(): void {
    const arrived = this.#arrived;
    for (let i = 0; i < arrived.count;) {
      const qp = arrived.at(i);
      const { period, completions } = qp;
      const { count } = completions;
      if (count > 0) {
        if (period.length > 0) {
          if (count < period.frames) {
            i++;
            continue;
          }
          period.passed += count;
        }
        this.#event(qp);
      }
      // The last queue pair of the list takes the place of the removed one.
      if (completions.count === 0) arrived.remove(qp);
      else i++;
    }
  }

  /**
   * Begins and ends periods after the descriptors of all links were taken.
   *
   * @param more true if a ring has further descriptors, which must not wait for another period
   * @param woken true if the port slept until now
   */
  settle(more: boolean, woken: boolean): void {
    const qps = this.#moderated;
    const now = this.#reactor.clock.now();
    for (let i = 0; i < qps.length; i++) {
      const qp = qps[i]!;
      const { period } = qp;
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

  /** Sets the timer to the next end of a period, and the threshold to the completions missing for the next event. */
  #schedule(): void {
    const qps = this.#moderated;
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
