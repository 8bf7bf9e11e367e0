/**
 * Logging: LogTape with one sink, which receives lines such as `ib0: text` and writes them (log_line.ts).
 *
 * Logged text may come from peers. Similar lines are therefore rate-limited, as are all lines together
 * (log_limiter.ts), control characters are replaced, and long lines are truncated. Lines that the sink cannot write,
 * for example to a full file system, are counted, and the count is written with the next line.
 *
 * Each thread has its own log, and its own minimum level.
 */

import {
  configureSync,
  getLogger as logtapeLogger,
  type Logger,
  type LogRecord,
} from "@logtape/logtape";
import type { LogLevel } from "./log_level.ts";
import { Kind, LogLimiter, reasonOf } from "./log_limiter.ts";
import {
  type LogLine,
  type LogSink,
  plainLine,
  writeLine,
} from "./log_line.ts";
import type { Millis } from "./units.ts";

export type { Logger, LogLevel };

/** LogTape uses names as keys of a plain object. The prefix avoids inherited members such as "constructor". */
const NAME_PREFIX = "/";

/** Root categories: messages, lines of a debug level of the driver, and such lines about packets. */
const MESSAGES = "ipoib";
const DEBUG = "ipoib-debug";
const PACKETS = "ipoib-debug-packets";

/** Maximum length of the text of a line, in UTF-16 code units. */
const MAX_LENGTH = 1024;

/** True if the minimum level of this thread's log is "debug". */
let debugging = false;

function nameOf({ category }: LogRecord): string {
  return category.slice(1).map((name) => name.replace(NAME_PREFIX, ""))
    .join(".");
}

function textOf({ message, rawMessage, properties }: LogRecord): string {
  // Without properties the text is not a template, and its braces are literal.
  const plain = typeof rawMessage === "string" &&
    Object.keys(properties).length === 0;
  const text = plain ? rawMessage : message.join("");
  // deno-lint-ignore no-control-regex -- control characters are replaced
  return text.slice(0, MAX_LENGTH).replace(/[\x00-\x1f\x7f]/g, "?");
}

function levelOf({ level }: LogRecord): LogLine["level"] {
  if (level === "trace") return "debug";
  return level === "fatal" ? "error" : level;
}

export interface LogOptions {
  /** Receives the lines. Default: standard error, with time stamps. An exception means that the line is lost. */
  sink?: LogSink;
  /** Receives the lines as text without time stamps; replaces `sink`. */
  write?: (text: string) => void;
  now?: () => Millis;
  /** Schedules a call of {@linkcode LimitedLog.flush} after `delay` milliseconds. Default: a timer of the runtime. */
  wakeAfter?: (delay: Millis) => void;
}

/** The log of a thread. */
export interface LimitedLog {
  /** The minimum level. A change takes effect immediately. */
  level: LogLevel;
  /** Ends the periods that are over, or all periods if `all` is true, and writes the counts of suppressed lines. */
  flush(all?: boolean): void;
}

/** Configures the log of this thread with a minimum level. */
export function configureLog(
  level: LogLevel,
  options: LogOptions = {},
): LimitedLog {
  const { write } = options;
  const sink = countLost(
    write ? (line) => write(plainLine(line)) : options.sink ?? writeLine,
  );
  const limiter = new LogLimiter({
    now: options.now ?? (() => performance.now()),
    report: (reason, count) =>
      sink({
        time: new Date(),
        level: "info",
        name: "",
        text: `${count} lines suppressed: ${reason}`,
      }),
    wakeAfter: options.wakeAfter ??
      ((delay) => Deno.unrefTimer(setTimeout(() => limiter.flush(), delay))),
  });
  const out = (record: LogRecord) => {
    const line: LogLine = {
      time: new Date(record.timestamp),
      level: levelOf(record),
      name: nameOf(record),
      text: textOf(record),
    };
    const [root] = record.category;
    const text = plainLine(line);
    const kind = root === MESSAGES && line.level !== "debug"
      ? Kind.Message
      : Kind.Debug;
    // The lines of a debug level of the driver are limited only together, except those about packets.
    const reason = root === DEBUG
      ? undefined
      : plainLine({ ...line, text: reasonOf(line.text) }).trimEnd();
    if (limiter.admits(reason, text, kind)) sink(line);
  };
  let current = level;
  const configure = () => {
    debugging = current === "debug";
    configureSync({
      reset: true,
      sinks: { out },
      loggers: [
        { category: ["logtape", "meta"], sinks: ["out"], lowestLevel: "error" },
        {
          category: [MESSAGES],
          sinks: ["out"],
          lowestLevel: current === "silent" ? "fatal" : current,
        },
        ...[DEBUG, PACKETS].map((root) => ({
          category: [root],
          sinks: ["out" as const],
          lowestLevel: "info" as const,
        })),
      ],
    });
  };
  configure();
  return {
    get level() {
      return current;
    },
    set level(value) {
      current = value;
      configure();
    },
    flush: (all) => limiter.flush(all),
  };
}

/** Returns a sink that counts the lines that `sink` cannot write, and writes the count before the next line. */
function countLost(sink: LogSink): LogSink {
  let lost = 0;
  return (line) => {
    try {
      if (lost > 0) {
        const text = `${lost} lines lost, because the log could not be written`;
        sink({ ...line, level: "warning", name: "", text });
        lost = 0;
      }
      sink(line);
    } catch {
      lost++;
    }
  };
}

/** Returns the logger of a component. `name`, for example `ib0`, is the prefix of its lines. */
export function getLogger(...name: string[]): Logger {
  return logtapeLogger([MESSAGES, ...name.map((each) => NAME_PREFIX + each)]);
}

/**
 * Logs a decision at level debug: one sentence, which is built only if the level is enabled.
 *
 * @example
 * ```ts
 * explain(log, () => `Path query to ${formatGid(gid)} is sent again in ${delay} ms`);
 * ```
 */
export function explain(log: Logger, text: () => string): void {
  if (debugging) log.debug(text());
}

/**
 * Returns a logger for the lines of the driver's debug levels, which are written regardless of the minimum level. The
 * caller logs enabled lines only, at level info.
 *
 * @param about what the lines are about; of those about packets, similar ones are rate-limited too
 */
export function getDebugLogger(
  name: string,
  about: "control" | "packets" = "control",
): Logger {
  return logtapeLogger([
    about === "packets" ? PACKETS : DEBUG,
    NAME_PREFIX + name,
  ]);
}
