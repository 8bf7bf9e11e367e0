/**
 * The rule of `ethtool -C IF adaptive-rx on`, which chooses the period of moderation by the received traffic. The aim
 * is the cost of the longest period under load, and the round trip without moderation otherwise.
 *
 * Time is divided into intervals of {@linkcode INTERVAL_MS}. At the end of each, the first rule that applies decides:
 *
 * | the interval                                                              | the period                         |
 * |---------------------------------------------------------------------------|------------------------------------|
 * | had less than {@linkcode MIN_PACKETS} packets                             | is 0                               |
 * | followed a longer period, with over 10 % less packets and bytes           | is the one before, for a second    |
 * | had less than 1.5 packets for each receive event: waiting gathers nothing | is one step shorter                |
 * | had 2 packets or more for each event, and a second has passed             | is one step longer                 |
 * | any other                                                                 | stays                              |
 *
 * The second rule recognises traffic that waits for its own replies, whose rate falls if they are delayed. (Linux's
 * DIM, lib/dim/net_dim.c, compares intervals in the same way, but has no rule for rare packets: an idle connection
 * keeps the last period.)
 */

import type { Millis } from "../base/units.ts";

/** Length of an interval. */
export const INTERVAL_MS: Millis = 20;
/** Packets of an interval below which the traffic counts as none: 1000 in a second. */
const MIN_PACKETS = 20;
/** Share of the packets and bytes before below which a longer period has slowed down the traffic. */
const SLOWED = 0.9;
/** Packets for each event below which the period becomes shorter, and from which on it becomes longer. */
const FEW = 1.5;
const MANY = 2;
/** Time until a longer period is tried again after one has slowed down the traffic. */
const PAUSE_MS: Millis = 1000;

/** The periods in microseconds. */
const PERIODS: readonly number[] = [0, 16, 64, 256];

/** What was received in an interval. */
export interface ReceivedTraffic {
  /** Receive events that delivered packets. */
  readonly events: number;
  readonly packets: number;
  readonly bytes: number;
}

export class AdaptiveRule {
  #step = 0;
  /** The interval before the period became longer, while that has not been judged. */
  #before: ReceivedTraffic | undefined;
  #pausedUntil: Millis = -Infinity;

  /** The current period in microseconds. */
  get period(): number {
    return PERIODS[this.#step]!;
  }

  /** Ends an interval: sets the period for the next one. */
  observe(traffic: ReceivedTraffic, now: Millis): void {
    const { events, packets, bytes } = traffic;
    const before = this.#before;
    this.#before = undefined;
    if (packets < MIN_PACKETS) this.#step = 0;
    else if (
      before && packets < SLOWED * before.packets &&
      bytes < SLOWED * before.bytes
    ) {
      this.#step--;
      this.#pausedUntil = now + PAUSE_MS;
    } else if (packets < FEW * events) {
      this.#step = Math.max(0, this.#step - 1);
    } else if (
      packets >= MANY * events && this.#step < PERIODS.length - 1 &&
      now >= this.#pausedUntil
    ) {
      this.#step++;
      this.#before = traffic;
    }
  }
}
