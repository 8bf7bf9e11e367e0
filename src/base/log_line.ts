/** A line of the log, and its forms as text. */

import { localTimestamp } from "./timestamp.ts";

export interface LogLine {
  readonly time: Date;
  readonly level: "debug" | "info" | "warning" | "error";
  /** What the line is about: `ib0`, `subnet default`, `mlx5_0/1`; empty for the process. */
  readonly name: string;
  /** One line without control characters. */
  readonly text: string;
}

/** Writes a line. An exception means that the line is lost. */
export type LogSink = (line: LogLine) => void;

const encoder = new TextEncoder();

/** Returns `ib0: warning: text\n`: the name, the level unless it is info, and the text. */
export function plainLine({ level, name, text }: LogLine): string {
  const mark = level === "info" ? "" : `${level}: `;
  return `${name ? `${name}: ` : ""}${mark}${text}\n`;
}

/** Returns a line with its local time: `2026-11-30T14:05:09.123+01:00 ib0: warning: text\n`. */
export function stampedLine(line: LogLine): string {
  return `${localTimestamp(line.time)} ${plainLine(line)}`;
}

/** Writes a line with its local time to standard error. */
export const writeLine: LogSink = (line) => {
  writeAll(Deno.stderr, stampedLine(line));
};

/** Writes all of `text` to a standard stream. Throws the error of write(2). */
export function writeAll(
  stream: { writeSync(bytes: Uint8Array): number },
  text: string,
): void {
  let bytes = encoder.encode(text);
  while (bytes.length > 0) bytes = bytes.subarray(stream.writeSync(bytes));
}
