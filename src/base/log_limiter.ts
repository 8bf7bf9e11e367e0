/**
 * Rate limits of the log, so that peers and users cannot fill it. In a period of five seconds are written:
 *
 * - of similar lines, which have the same reason ({@linkcode reasonOf}), ten, as by the kernel's printk_ratelimited()
 *   (include/linux/ratelimit_types.h); at level debug 200
 * - of all lines together, 32 KiB; at level debug another 256 KiB
 *
 * Further lines are counted, and the counts are reported when the period is over, in at most 32 KiB.
 */

import type { Millis } from "./units.ts";

/** Length of a period. */
export const PERIOD_MS: Millis = 5000;
/** Maximum number of lines with one reason in one period. */
export const MAX_LINES = 10;
/** Bytes that a writer adds to a line: the time stamp, or the fields of the journal. */
const ADDED_BYTES = 32;
/** Maximum length of a reason. Longer texts with the same beginning are similar. */
const MAX_REASON_LENGTH = 160;
/** Maximum number of reasons with a period of their own. Further reasons share one period. */
export const MAX_REASONS = 128;

const OTHER = "other lines";

/** Lines that have limits of their own. */
export interface LineKind {
  /** Maximum number of lines with one reason in one period. */
  readonly lines: number;
  /** Maximum length of all lines in one period, in bytes. */
  readonly bytes: number;
}

export const Kind = {
  Message: { lines: MAX_LINES, bytes: 32 * 1024 },
  Debug: { lines: 200, bytes: 256 * 1024 },
} as const satisfies Record<string, LineKind>;

interface Period {
  readonly start: Millis;
  lines: number;
  /** Length of the lines; counted for all lines of a kind only. */
  bytes: number;
  suppressed: number;
}

const encoder = new TextEncoder();

/** Returns the reason under which the lines beyond the limit of a kind are counted. */
function allOf(kind: LineKind): string {
  return `more than ${kind.bytes / 1024} KiB of ${
    kind === Kind.Debug ? "debug lines" : "lines"
  } in ${PERIOD_MS / 1000} s`;
}

export interface LogLimiterOptions {
  now: () => Millis;
  /** Reports the number of suppressed lines of a reason. */
  report: (reason: string, suppressed: number) => void;
  /** Schedules a {@linkcode LogLimiter.flush} after `delay`. Not called again before the next flush. */
  wakeAfter: (delay: Millis) => void;
}

/** Reasons that always have a period of their own. */
const OWN_PERIOD: ReadonlySet<string> = new Set([
  OTHER,
  ...Object.values(Kind).map(allOf),
]);

export class LogLimiter {
  readonly #options: LogLimiterOptions;
  readonly #periods = new Map<string, Period>();
  #waking = false;

  constructor(options: LogLimiterOptions) {
    this.#options = options;
  }

  /**
   * Returns true if a line may be written now. Otherwise counts it and returns false.
   *
   * @param reason undefined if only the length of all lines is limited
   */
  admits(
    reason: string | undefined,
    text: string,
    kind: LineKind = Kind.Message,
  ): boolean {
    const now = this.#options.now();
    const similar = reason === undefined
      ? undefined
      : this.#period(reason, now);
    if (similar && similar.lines >= kind.lines) {
      return this.#suppress(similar, now);
    }
    const all = this.#period(allOf(kind), now);
    const bytes = encoder.encode(text).length + ADDED_BYTES;
    if (all.bytes + bytes > kind.bytes) return this.#suppress(all, now);
    all.bytes += bytes;
    if (similar) similar.lines++;
    return true;
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

  #suppress(period: Period, now: Millis): false {
    if (period.suppressed++ === 0 && !this.#waking) this.#wake(period, now);
    return false;
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
    if (this.#periods.size >= MAX_REASONS && !OWN_PERIOD.has(reason)) {
      return this.#period(OTHER, now);
    }
    const period = { start: now, lines: 0, bytes: 0, suppressed: 0 };
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
    .replace(/[\w:.]+/g, (word) => /\d/.test(word) ? "#" : word)
    .slice(0, MAX_REASON_LENGTH);
}
