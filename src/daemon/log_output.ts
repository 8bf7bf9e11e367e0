/**
 * Where the log of this process goes: to the journal if standard error is connected to it, to the file of a background
 * process, otherwise to standard error.
 */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import {
  type LogLine,
  type LogSink,
  plainLine,
  writeAll,
  writeLine,
} from "../base/log_line.ts";
import { variable } from "../base/variables.ts";
import { isInterfaceName } from "../ipc/schema.ts";
import { isJournal, JournalSocket } from "../system/journal.ts";

/** Priorities of syslog(3). */
const PRIORITY = { debug: 7, info: 6, warning: 4, error: 3 } as const;

/** Returns the present destination: "journal", "stderr", or the path of the file. All threads have the same. */
export function logDestination(): string {
  return variable("IPOIB_LOG_FILE") ??
    (isJournal(variable("JOURNAL_STREAM")) ? "journal" : "stderr");
}

/** Returns the sink of a thread. */
export function logSink(): LogSink {
  let journal: LogSink | undefined;
  return (line) => {
    const destination = logDestination();
    if (isShown(line, destination)) show(line);
    if (destination !== "journal") return writeLine(line);
    (journal ??= journalSink(new JournalSocket()))(line);
  };
}

/**
 * True for a line that the process that waits until the interfaces are ready shows too: `ipoib upgrade` shows all lines,
 * `ipoib up --background` the warnings.
 */
function isShown({ level }: LogLine, destination: string): boolean {
  if (variable("IPOIB_HANDOVER") !== undefined) return true;
  return destination !== "stderr" && destination !== "journal" &&
    PRIORITY[level] <= PRIORITY.warning;
}

function show(line: LogLine): void {
  try {
    writeAll(Deno.stdout, plainLine(line));
  } catch {
    // That process has ended.
  }
}

/**
 * Returns a sink that sends entries to the journal. If the journal's socket is not there, for example in a container,
 * the lines go to standard error with their priority in front (sd-daemon(3)).
 */
export function journalSink(
  socket: Pick<JournalSocket, "send">,
  stderr: (text: string) => void = (text) => writeAll(Deno.stderr, text),
): LogSink {
  return (line) => {
    const message = plainLine({ ...line, level: "info" }).trimEnd();
    const priority = PRIORITY[line.level];
    try {
      socket.send({
        MESSAGE: message,
        PRIORITY: priority,
        SYSLOG_IDENTIFIER: "ipoib",
        ...subjectOf(line),
      });
    } catch (error) {
      // Waiting for the journal would stop the data path: the line is lost.
      if (IpoibError.from(error).errno === Errno.EAGAIN) throw error;
      stderr(`<${priority}>${message}\n`);
    }
  };
}

/** Returns the field for the subject of a line: INTERFACE, SUBNET or DEVICE. */
function subjectOf({ name }: LogLine): Record<string, string> {
  const [, subnet] = /^subnet (.*)$/.exec(name) ?? [];
  if (subnet !== undefined) return { SUBNET: subnet };
  if (name.includes("/")) return { DEVICE: name };
  return isInterfaceName(name) ? { INTERFACE: name } : {};
}
