/**
 * The rule of `ethtool -C IF adaptive-rx on`, which chooses the period of moderation by the received traffic. The aim
 * is the cost of the longest period under load, and the round trip without moderation otherwise.
 *
 * Time is divided into intervals of {@linkcode INTERVAL_MS}. An interval has load if it has so many packets that
 * the longest period would gather {@linkcode GATHERED}, or if its receive events deliver two packets or more. At the end
 * of an interval, the first rule that applies decides:
 *
 * | the interval                                                      | the next period                               |
 * |-------------------------------------------------------------------|-----------------------------------------------|
 * | had less than {@linkcode MIN_PACKETS} packets                     | is 0                                          |
 * | was a trial of a longer period, and had over 20 % less traffic    | is the one before, without trials for a second|
 * | was a trial without a delay, and had over 20 % more traffic       | is 0                                          |
 * | was a trial without a delay                                       | is the one before                             |
 * | was delayed, and the last trial was a second ago                  | is 0, as a trial                              |
 * | had load                                                          | is one step longer, as a trial                |
 * | had less than 1.5 packets for each event: waiting gathers nothing | is one step shorter                           |
 * | any other                                                         | stays                                         |
 *
 * The trials recognise traffic that waits for its own replies, whose rate falls if they are delayed. (Linux's DIM,
 * lib/dim/net_dim.c, compares intervals in the same way, but has no rule for rare packets: an idle connection keeps the
 * last period.)
 */

import type { Millis } from "../base/units.ts";

/** Length of an interval. */
export const INTERVAL_MS: Millis = 20;
/** Packets of an interval below which the traffic counts as none: 1000 in a second. */
const MIN_PACKETS = 20;
/** Packets that the longest period must gather, and packets for each event, from which on traffic counts as load. */
const GATHERED = 4;
const MANY = 2;
/** Packets for each event below which a period is too long. */
const FEW = 1.5;
/** Share of the traffic below which it counts as less. */
const LESS = 0.8;
/** Time without trials of a longer period after one that failed, and between two trials without a delay. */
const PAUSE_MS: Millis = 1000;

/** The periods in microseconds. */
const PERIODS: readonly number[] = [0, 64, 256];
const LONGEST = PERIODS.length - 1;
const MICROS_PER_MILLI = 1000;
/** Packets of an interval from which on the longest period gathers {@linkcode GATHERED}. */
const LOAD = GATHERED * INTERVAL_MS * MICROS_PER_MILLI / PERIODS[LONGEST]!;

/** What was received in an interval. */
export interface ReceivedTraffic {
  /** Receive events that delivered packets. */
  readonly events: number;
  readonly packets: number;
  readonly bytes: number;
}

/** The step before a trial, and the traffic with it. */
interface Trial {
  readonly step: number;
  readonly traffic: ReceivedTraffic;
}

export class AdaptiveRule {
  #step = 0;
  #trial: Trial | undefined;
  /** Time until which there are no trials of a longer period. */
  #pausedUntil: Millis = -Infinity;
  /** Start of the last trial. */
  #triedAt: Millis = -Infinity;

  /** The current period in microseconds. */
  get period(): number {
    return PERIODS[this.#step]!;
  }

  /** Ends an interval: sets the period for the next one. */
  observe(traffic: ReceivedTraffic, now: Millis): void {
    const { events, packets } = traffic;
    const trial = this.#trial;
    this.#trial = undefined;
    if (packets < MIN_PACKETS) this.#step = 0;
    else if (trial && this.#returns(trial, traffic, now)) return;
    else if (this.#step > 0 && now - this.#triedAt >= PAUSE_MS) {
      this.#try(0, traffic, now);
    } else if (packets >= LOAD || packets >= MANY * events) {
      const longer = this.#step < LONGEST && now >= this.#pausedUntil;
      if (longer) this.#try(this.#step + 1, traffic, now);
    } else if (packets < FEW * events && this.#step > 0) this.#step--;
  }

  #try(step: number, traffic: ReceivedTraffic, now: Millis): void {
    this.#trial = { step: this.#step, traffic };
    this.#step = step;
    this.#triedAt = now;
  }

  /** Judges a trial. Returns true if the next period is decided: the one before, or none after a delay that slowed. */
  #returns(trial: Trial, traffic: ReceivedTraffic, now: Millis): boolean {
    const shorter = this.#step < trial.step;
    const slowed = shorter
      ? isLess(trial.traffic, traffic)
      : isLess(traffic, trial.traffic);
    if (slowed && !shorter) this.#pausedUntil = now + PAUSE_MS;
    if (slowed !== shorter) this.#step = trial.step;
    return slowed || shorter;
  }
}

/** True if there are less packets and less bytes, by more than a fifth. */
function isLess(traffic: ReceivedTraffic, than: ReceivedTraffic): boolean {
  return traffic.packets < LESS * than.packets &&
    traffic.bytes < LESS * than.bytes;
}
