/**
 * Interrupt moderation of an interface: `ethtool -C IF rx-usecs N rx-frames N` (as in Linux ipoib_ethtool.c), and as an
 * extension `adaptive-rx on`, which chooses the period by the traffic (adaptive_moderation.ts). Both values have 16
 * bits. While adaptive moderation is on, they are stored and shown, and have no effect.
 *
 * A device without moderation refuses a change, and nothing is stored. (The driver stores values that have no effect.)
 */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { Millis } from "../base/units.ts";
import type { CqModeration, UdQp } from "../hca/ud_qp.ts";
import type { Reactor, Timer } from "../system/reactor.ts";
import {
  AdaptiveRule,
  INTERVAL_MS,
  type ReceivedTraffic,
} from "./adaptive_moderation.ts";

const MAX_VALUE = 0xffff;
/** Completions that end an adaptive period early, at most; a quarter of the receive queue if that is less. */
const ADAPTIVE_FRAMES = 64;
const OFF: CqModeration = { rxUsecs: 0, rxFrames: 0 };

/** The receive path, as far as moderation uses it. */
export interface ModeratedReceiver {
  /** Counters of everything that was received. */
  readonly traffic: ReceivedTraffic;
  /** Called after each event that delivered packets; undefined if no call is needed. */
  onPackets: (() => void) | undefined;
}

/** Dependencies of {@linkcode Moderation}. */
export interface ModerationParts {
  readonly reactor: Pick<Reactor, "clock" | "timer">;
  readonly receiver: ModeratedReceiver;
  /** Returns the number of received packets that can wait in the queue pair. */
  readonly queueSize: () => number;
  readonly log: Logger;
}

/** A change of the moderation. */
export interface ModerationChange extends Partial<CqModeration> {
  readonly adaptive?: boolean;
}

export class Moderation {
  readonly #parts: ModerationParts;
  /** Ends the interval. Present while adaptive moderation is on. */
  #timer: Timer | undefined;
  #values: CqModeration = OFF;
  #rule: AdaptiveRule | undefined;
  /** The counters at the start of the interval. */
  #start: ReceivedTraffic = { events: 0, packets: 0, bytes: 0 };
  #qp: UdQp | undefined;

  constructor(parts: ModerationParts) {
    this.#parts = parts;
  }

  get values(): CqModeration {
    return this.#values;
  }

  /** True if the period is chosen by the traffic. */
  get adaptive(): boolean {
    return this.#rule !== undefined;
  }

  /** Sets the queue pair, or none, and applies the moderation to it. What the device refuses is logged and cleared. */
  attach(qp: UdQp | undefined): void {
    this.#qp = qp;
    const { rxUsecs, rxFrames } = this.#current;
    if (rxUsecs !== 0 || rxFrames !== 0) this.#applyOrClear();
  }

  /** Changes the given values. Throws `E_COALESCE` (EINVAL) for a value out of range, and errors of the device. */
  set({ adaptive = this.adaptive, ...change }: ModerationChange): void {
    const before = this.#values;
    const wasAdaptive = this.adaptive;
    const values = { ...before, ...change };
    checkRange(values);
    const same = values.rxUsecs === before.rxUsecs &&
      values.rxFrames === before.rxFrames;
    if (same && adaptive === wasAdaptive) return;
    this.#values = values;
    if (adaptive !== wasAdaptive) this.#setAdaptive(adaptive);
    try {
      this.#apply();
    } catch (error) {
      this.#values = before;
      if (adaptive !== wasAdaptive) this.#setAdaptive(wasAdaptive);
      throw error;
    }
  }

  close(): void {
    this.#setAdaptive(false);
  }

  get #current(): CqModeration {
    if (!this.#rule) return this.#values;
    const { period } = this.#rule;
    if (period === 0) return OFF;
    const most = Math.ceil(this.#parts.queueSize() / 4);
    return { rxUsecs: period, rxFrames: Math.min(ADAPTIVE_FRAMES, most) };
  }

  #apply(): void {
    this.#qp?.setModeration(this.#current);
  }

  /** Applies the moderation without a request by the user. What the device refuses is logged and cleared. */
  #applyOrClear(): void {
    try {
      this.#apply();
    } catch (error) {
      this.#values = OFF;
      this.#setAdaptive(false);
      const { message } = IpoibError.from(error);
      this.#parts.log.warn(`${message}: moderation is off`);
    }
  }

  #setAdaptive(on: boolean): void {
    const { reactor, receiver } = this.#parts;
    this.#rule = on ? new AdaptiveRule() : undefined;
    this.#timer?.close();
    this.#timer = on
      ? reactor.timer((now) => this.#endInterval(now))
      : undefined;
    receiver.onPackets = on ? () => this.#beginInterval() : undefined;
  }

  /** Begins an interval. An interface that receives nothing has none, and needs no timer. */
  #beginInterval(): void {
    const { reactor, receiver } = this.#parts;
    receiver.onPackets = undefined;
    this.#start = receiver.traffic;
    this.#timer?.at(reactor.clock.now() + INTERVAL_MS);
  }

  #endInterval(now: Millis): void {
    const { receiver } = this.#parts;
    const rule = this.#rule;
    if (!rule) return;
    const { period } = rule;
    const traffic = difference(receiver.traffic, this.#start);
    rule.observe(traffic, now);
    if (rule.period !== period) this.#applyOrClear();
    if (!this.adaptive) return;
    if (traffic.packets > 0) this.#beginInterval();
    else receiver.onPackets = () => this.#beginInterval();
  }
}

function difference(
  now: ReceivedTraffic,
  before: ReceivedTraffic,
): ReceivedTraffic {
  return {
    events: now.events - before.events,
    packets: now.packets - before.packets,
    bytes: now.bytes - before.bytes,
  };
}

function checkRange(values: CqModeration): void {
  for (const [name, value] of Object.entries(values)) {
    if (value >= 0 && value <= MAX_VALUE) continue;
    const shown = name === "rxUsecs" ? "rx-usecs" : "rx-frames";
    throw new IpoibError(
      "E_COALESCE",
      `${shown} ${value} is out of range`,
      { errno: Errno.EINVAL, hint: `use 0 to ${MAX_VALUE}` },
    );
  }
}
