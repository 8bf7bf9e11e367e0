/**
 * Logging: LogTape with one sink, which writes lines such as `ib0: text` to standard error.
 *
 * Logged text may come from peers. Similar lines are therefore rate-limited (log_limiter.ts; for exceptions see
 * {@linkcode getDebugLogger}), control characters are replaced, and long lines are truncated.
 */

import {
  configure,
  getLogger as logtapeLogger,
  type Logger,
  type LogRecord,
} from "@logtape/logtape";
import { LogLimiter, reasonOf } from "./log_limiter.ts";
import type { Millis } from "./units.ts";

export type { Logger };
export type LogLevel = "debug" | "info" | "warning" | "error" | "silent";

const encoder = new TextEncoder();
/** LogTape uses names as keys of a plain object. The prefix avoids inherited members such as "constructor". */
const NAME_PREFIX = "/";

/** Root categories: messages, debug lines without a rate limit, and debug lines with a rate limit. */
const MESSAGES = "ipoib";
const DEBUG = "ipoib-debug";
const LIMITED_DEBUG = "ipoib-debug-limited";

/** Maximum length of the text of a line, in UTF-16 code units. */
const MAX_LENGTH = 1024;

/** Returns the start of a line: the logger's name, and the level unless it is info. */
function prefix(record: LogRecord): string {
  const where = record.category.slice(1)
    .map((name) => name.replace(NAME_PREFIX, "")).join(".");
  const level = record.level === "info" ? "" : `${record.level}: `;
  return `${where ? `${where}: ` : ""}${level}`;
}

function textOf({ message, rawMessage, properties }: LogRecord): string {
  // Without properties the text is not a template, and its braces are literal.
  const plain = typeof rawMessage === "string" &&
    Object.keys(properties).length === 0;
  const text = plain ? rawMessage : message.join("");
  // deno-lint-ignore no-control-regex -- control characters are replaced
  return text.slice(0, MAX_LENGTH).replace(/[\x00-\x1f\x7f]/g, "?");
}

export interface LogOptions {
  /** Receives the lines. Default: standard error. */
  write?: (text: string) => void;
  now?: () => Millis;
  /** Schedules a call of {@linkcode LimitedLog.flush} after `delay` milliseconds. Default: a timer of the runtime. */
  wakeAfter?: (delay: Millis) => void;
}

/** The log of a thread. */
export interface LimitedLog {
  /** Ends the periods that are over, or all periods if `all` is true, and writes the counts of suppressed lines. */
  flush(all?: boolean): void;
}

/** Configures the log of this thread with a minimum level. */
export async function configureLog(
  level: LogLevel,
  options: LogOptions = {},
): Promise<LimitedLog> {
  const write = options.write ??
    ((text) => void Deno.stderr.writeSync(encoder.encode(text)));
  const limiter = new LogLimiter({
    now: options.now ?? (() => performance.now()),
    report: (reason, count) => write(`${count} lines suppressed: ${reason}\n`),
    wakeAfter: options.wakeAfter ??
      ((delay) => Deno.unrefTimer(setTimeout(() => limiter.flush(), delay))),
  });
  const out = (record: LogRecord) => {
    const start = prefix(record);
    const text = textOf(record);
    const unlimited = record.category[0] === DEBUG;
    if (unlimited || limiter.admits(start + reasonOf(text))) {
      write(`${start}${text}\n`);
    }
  };
  await configure({
    reset: true,
    sinks: { out },
    loggers: [
      { category: ["logtape", "meta"], sinks: ["out"], lowestLevel: "error" },
      {
        category: [MESSAGES],
        sinks: ["out"],
        lowestLevel: level === "silent" ? "fatal" : level,
      },
      ...[DEBUG, LIMITED_DEBUG].map((root) => ({
        category: [root],
        sinks: ["out" as const],
        lowestLevel: "info" as const,
      })),
    ],
  });
  return limiter;
}

/** Returns the logger of a component. `name`, for example `ib0`, is the prefix of its lines. */
export function getLogger(...name: string[]): Logger {
  return logtapeLogger([MESSAGES, ...name.map((each) => NAME_PREFIX + each)]);
}

/**
 * Returns a logger for debug lines, which are written regardless of the minimum level. The caller logs enabled lines
 * only, at level info. The lines are not rate-limited unless `limited` is true.
 */
export function getDebugLogger(
  name: string,
  { limited = false }: { limited?: boolean } = {},
): Logger {
  return logtapeLogger([limited ? LIMITED_DEBUG : DEBUG, NAME_PREFIX + name]);
}
