/**
 * Logging: LogTape with one sink, lines on standard error in the kernel driver's manner.
 *
 * The rate of lines is bounded by what they say (log_limiter.ts), and a line is one line of bounded length whatever is in
 * it: much of what is logged was sent by a peer.
 *
 * A library's disabled log call still costs tens of nanoseconds, so the data path never logs without
 * asking a boolean of its own first (see the debug levels of the engine).
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
/** LogTape looks names up in a plain object: with this before them none is a member of every object ("constructor"). */
const NAME_PREFIX = "/";

/** Characters of the longest line. */
const MAX_LENGTH = 1024;

/** The interface or part that speaks, and the level, with which a line begins. */
function prefix(record: LogRecord): string {
  const where = record.category.slice(1)
    .map((name) => name.replace(NAME_PREFIX, "")).join(".");
  const level = record.level === "info" ? "" : `${record.level}: `;
  return `${where ? `${where}: ` : ""}${level}`;
}

function textOf({ message, rawMessage, properties }: LogRecord): string {
  // Without properties the text is no template: braces in it are a peer's.
  const plain = typeof rawMessage === "string" &&
    Object.keys(properties).length === 0;
  const text = plain ? rawMessage : message.join("");
  // deno-lint-ignore no-control-regex -- these are what is looked for
  return text.slice(0, MAX_LENGTH).replace(/[\x00-\x1f\x7f]/g, "?");
}

export interface LogOptions {
  /** Takes the lines: standard error unless told otherwise. */
  write?: (text: string) => void;
  now?: () => Millis;
  /** Arranges for {@linkcode LimitedLog.flush} to be called after `delay`: a timer of the runtime unless told otherwise. */
  wakeAfter?: (delay: Millis) => void;
}

/** The log of a thread. */
export interface LimitedLog {
  /** Reports the lines that were left out in periods that are over, or in `all`. */
  flush(all?: boolean): void;
}

/** Sends records of at least `level` to the log of this thread. */
export async function configureLog(
  level: LogLevel,
  options: LogOptions = {},
): Promise<LimitedLog> {
  const write = options.write ??
    ((text) => void Deno.stderr.writeSync(encoder.encode(text)));
  const limiter = new LogLimiter({
    now: options.now ?? (() => performance.now()),
    report: (reason, count) => write(`${count} lines left out: ${reason}\n`),
    wakeAfter: options.wakeAfter ??
      ((delay) => Deno.unrefTimer(setTimeout(() => limiter.flush(), delay))),
  });
  const out = (record: LogRecord) => {
    const start = prefix(record);
    const text = textOf(record);
    if (limiter.admits(start + reasonOf(text))) write(`${start}${text}\n`);
  };
  await configure({
    reset: true,
    sinks: { out },
    loggers: [
      { category: ["logtape", "meta"], sinks: ["out"], lowestLevel: "error" },
      {
        category: ["ipoib"],
        sinks: ["out"],
        lowestLevel: level === "silent" ? "fatal" : level,
      },
    ],
  });
  return limiter;
}

/** A logger of one part of the program; `name` is the prefix of its lines, for example `ib0`. */
export function getLogger(...name: string[]): Logger {
  return logtapeLogger(["ipoib", ...name.map((each) => NAME_PREFIX + each)]);
}
