/**
 * Logging: LogTape with one sink, lines on standard error in the kernel driver's manner.
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

export type { Logger };
export type LogLevel = "debug" | "info" | "warning" | "error" | "silent";

const encoder = new TextEncoder();
/** LogTape looks names up in a plain object: with this before them none is a member of every object ("constructor"). */
const NAME_PREFIX = "/";

function line(record: LogRecord): string {
  const text = record.message.map((part) =>
    typeof part === "string" ? part : String(part)
  ).join("");
  const where = record.category.slice(1)
    .map((name) => name.replace(NAME_PREFIX, "")).join(".");
  const level = record.level === "info" ? "" : `${record.level}: `;
  return `${where ? `${where}: ` : ""}${level}${text}\n`;
}

/** Sends records of at least `level` to `write` (standard error unless told otherwise). */
export async function configureLog(
  level: LogLevel,
  write: (text: string) => void = (text) =>
    void Deno.stderr.writeSync(encoder.encode(text)),
): Promise<void> {
  await configure({
    reset: true,
    sinks: { out: (record) => write(line(record)) },
    loggers: [
      { category: ["logtape", "meta"], sinks: ["out"], lowestLevel: "error" },
      {
        category: ["ipoib"],
        sinks: ["out"],
        lowestLevel: level === "silent" ? "fatal" : level,
      },
    ],
  });
}

/** A logger of one part of the program; `name` is the prefix of its lines, for example `ib0`. */
export function getLogger(...name: string[]): Logger {
  return logtapeLogger(["ipoib", ...name.map((each) => NAME_PREFIX + each)]);
}
