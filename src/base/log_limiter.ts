/**
 * A rate limit for similar log lines, so that peers and users cannot fill the log. Lines with the same reason
 * ({@linkcode reasonOf}) are similar.
 *
 * The limit is that of the kernel's printk_ratelimited(): 10 lines in 5 seconds (include/linux/ratelimit_types.h).
 * Further lines are counted, and the count is reported when the period is over.
 */

import type { Millis } from "./units.ts";

/** Length of a period. */
export const PERIOD_MS: Millis = 5000;
/** Maximum number of lines with one reason in one period. */
export const MAX_LINES = 10;
/** Maximum number of reasons with a period of their own. Further reasons share one period. */
export const MAX_REASONS = 128;

const OTHER = "other lines";

interface Period {
  readonly start: Millis;
  lines: number;
  suppressed: number;
}

export interface LogLimiterOptions {
  now: () => Millis;
  /** Reports the number of suppressed lines of a reason. */
  report: (reason: string, suppressed: number) => void;
  /** Schedules a {@linkcode LogLimiter.flush} after `delay`. Not called again before the next flush. */
  wakeAfter: (delay: Millis) => void;
}

export class LogLimiter {
  readonly #options: LogLimiterOptions;
  readonly #periods = new Map<string, Period>();
  #waking = false;

  constructor(options: LogLimiterOptions) {
    this.#options = options;
  }

  /** Returns true if a line of this reason may be written now. Otherwise counts it and returns false. */
  admits(reason: string): boolean {
    const now = this.#options.now();
    const period = this.#period(reason, now);
    if (period.lines < MAX_LINES) {
      period.lines++;
      return true;
    }
    if (period.suppressed++ === 0 && !this.#waking) this.#wake(period, now);
    return false;
  }

  /** Ends the periods that are over, or every period if `all` is true, and reports their suppressed lines. */
  flush(all = false): void {
    const now = this.#options.now();
    this.#endExpired(all ? Infinity : now);
    // The map is in the order of the periods' starts.
    const next = this.#periods.values().find(({ suppressed }) =>
      suppressed > 0
    );
    if (next !== undefined) this.#wake(next, now);
    else this.#waking = false;
  }

  #endExpired(now: Millis): void {
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
    else if (this.#periods.size >= MAX_REASONS) this.#endExpired(now);
    if (this.#periods.size >= MAX_REASONS && reason !== OTHER) {
      return this.#period(OTHER, now);
    }
    const period = { start: now, lines: 0, suppressed: 0 };
    this.#periods.set(reason, period);
    return period;
  }

  #isOver({ start }: Period, now: Millis): boolean {
    return now - start >= PERIOD_MS;
  }

  #end(reason: string, { suppressed }: Period): void {
    this.#periods.delete(reason);
    if (suppressed > 0) this.#options.report(reason, suppressed);
  }
}

/**
 * Returns the reason of a line: its text with every quoted string, and every word that contains a digit, replaced by
 * `#`. Colons and periods are part of a word, so that an address is one word.
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
