/**
 * A bound on the rate of log lines, by reason: what a peer or a user can cause to be logged does not fill the log.
 *
 * As the kernel's printk_ratelimited(): ten lines in five seconds (include/linux/ratelimit_types.h). Lines beyond that
 * are counted, and the count is reported when the period is over.
 */

import type { Millis } from "./units.ts";

/** Length of a period. */
export const PERIOD_MS: Millis = 5000;
/** Lines of one reason in one period. */
export const MAX_LINES = 10;
/** Reasons that are told apart at one time; lines of further ones share one count. */
export const MAX_REASONS = 128;

const OTHER = "other lines";

interface Period {
  readonly start: Millis;
  lines: number;
  leftOut: number;
}

export interface LogLimiterOptions {
  now: () => Millis;
  /** Reports lines of one reason that were left out. */
  report: (reason: string, leftOut: number) => void;
  /** Asks for a {@linkcode LogLimiter.flush} after `delay`; not called again before that. */
  wakeAfter: (delay: Millis) => void;
}

export class LogLimiter {
  readonly #options: LogLimiterOptions;
  readonly #periods = new Map<string, Period>();
  #waking = false;

  constructor(options: LogLimiterOptions) {
    this.#options = options;
  }

  /** True if a line of this reason may be written now; false if it was counted instead. */
  admits(reason: string): boolean {
    const now = this.#options.now();
    const period = this.#period(reason, now);
    if (period.lines < MAX_LINES) {
      period.lines++;
      return true;
    }
    if (period.leftOut++ === 0 && !this.#waking) this.#wake(period, now);
    return false;
  }

  /** Forgets the periods that are over and reports what they left out; `all` ends every period. */
  flush(all = false): void {
    const now = this.#options.now();
    this.#forgetOver(all ? Infinity : now);
    // Periods stand in the order of their beginnings.
    const next = this.#periods.values().find(({ leftOut }) => leftOut > 0);
    if (next !== undefined) this.#wake(next, now);
    else this.#waking = false;
  }

  #forgetOver(now: Millis): void {
    for (const [reason, period] of this.#periods) {
      if (this.#isOver(period, now)) this.#end(reason, period);
    }
  }

  #wake({ start }: Period, now: Millis): void {
    this.#waking = true;
    this.#options.wakeAfter(start + PERIOD_MS - now);
  }

  #period(reason: string, now: Millis): Period {
    const known = this.#periods.get(reason);
    if (known !== undefined && !this.#isOver(known, now)) return known;
    if (known !== undefined) this.#end(reason, known);
    else if (this.#periods.size >= MAX_REASONS) this.#forgetOver(now);
    if (this.#periods.size >= MAX_REASONS && reason !== OTHER) {
      return this.#period(OTHER, now);
    }
    const period = { start: now, lines: 0, leftOut: 0 };
    this.#periods.set(reason, period);
    return period;
  }

  #isOver({ start }: Period, now: Millis): boolean {
    return now - start >= PERIOD_MS;
  }

  #end(reason: string, { leftOut }: Period): void {
    this.#periods.delete(reason);
    if (leftOut > 0) this.#options.report(reason, leftOut);
  }
}

/**
 * What lines of one cause have in common: the text without its numbers, addresses and quoted names.
 *
 * @example
 * ```ts
 * reasonOf("Malformed frame on connection 17"); // "Malformed frame on connection #"
 * ```
 */
export function reasonOf(text: string): string {
  return text.replace(/"[^"]*"/g, '"#"')
    .replace(/[\w:.]+/g, (word) => /\d/.test(word) ? "#" : word);
}
