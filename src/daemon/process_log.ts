/**
 * The log of a process from its start to its end: that of the main thread, and the file of a background process, to
 * which standard error is redirected.
 *
 * The pipes to the process that started this one in the background, or for an upgrade, are its standard output and
 * standard error. The latter is closed when the log begins, the former when the interfaces are ready
 * ({@linkcode ProcessLog.detach}).
 */

import { IpoibError } from "../base/errors.ts";
import {
  configureLog,
  getLogger,
  type LimitedLog,
  type LogLevel,
} from "../base/log.ts";
import { writeLine } from "../base/log_line.ts";
import { variable } from "../base/variables.ts";
import { beginSession, openNull, redirect, STDOUT } from "../system/detach.ts";
import { duplicate, type Fd, setNonBlocking } from "../system/fd.ts";
import { JournalSocket } from "../system/journal.ts";
import { LogFile } from "./log_file.ts";
import { journalSink, logDestination, logSink } from "./log_output.ts";
import { logDirectory, ownLogDirectory } from "./log_path.ts";
import { sweepLogs } from "./log_sweep.ts";

/** Interval of {@linkcode LogFile.check}. Between two checks the file may exceed its maximum length. */
const CHECK_MS = 5000;

export interface ProcessLogOptions {
  log: LogLevel;
  /** Path of the file, if the user has given one. */
  logFile?: string;
  user?: string;
}

/** The log of a process, as another one continues it. */
export interface InheritedLog {
  /** Standard error: the file of a background process. */
  readonly stderr: Fd;
  /** Value of `JOURNAL_STREAM`. */
  readonly journalStream: string | undefined;
}

export class ProcessLog implements Disposable {
  #log: LimitedLog | undefined;
  #file: LogFile | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  /** True while standard output leads to the process that waits until the interfaces are ready. */
  #awaited = false;

  /** Path of the file of a background process. */
  get path(): string | undefined {
    return variable("IPOIB_LOG_FILE");
  }

  /**
   * Configures the log of the main thread, and opens the file of a background process. Throws `E_LOG_FILE`.
   *
   * @param inherited the log of the process whose interfaces this one is to take over, which this one continues: its
   * file, its journal, or its standard error
   */
  begin(
    { log, logFile, user }: ProcessLogOptions,
    inherited?: InheritedLog,
  ): void {
    const { path } = this;
    const named = logFile !== undefined;
    let removed: string[] = [];
    if (inherited) this.#continue(inherited, named);
    else if (path !== undefined) {
      beginSession();
      const directory = ownLogDirectory(user);
      // A directory that the user has given may contain logs of other programs.
      if (!named && logDirectory(user) === directory) {
        removed = sweepLogs(directory);
      }
      this.#open(LogFile.open(path, { named }));
      this.#checkRegularly();
    }
    this.#log = configureLog(log, { sink: logSink() });
    for (const old of removed) getLogger().info(`Old log "${old}" removed`);
  }

  #continue({ stderr, journalStream }: InheritedLog, named: boolean): void {
    beginSession();
    // The service manager has connected this process to another stream, if any.
    if (journalStream === undefined) Deno.env.delete("JOURNAL_STREAM");
    else Deno.env.set("JOURNAL_STREAM", journalStream);
    const { path } = this;
    if (path === undefined) {
      this.#await();
      redirect("stderr", stderr);
    } else {
      const file = duplicate(stderr.number);
      this.#open(LogFile.inherit(path, { named }, file));
    }
  }

  #open(file: LogFile): void {
    this.#file = file;
    // The sinks of the other threads read the variable.
    Deno.env.set("IPOIB_LOG_FILE", file.path);
    this.#await();
    redirect("stderr", file.fd);
  }

  #await(): void {
    this.#awaited = true;
    // A stopped reader must not stop the interfaces.
    setNonBlocking(STDOUT);
  }

  /** Ends a takeover: the old process rotates the file no longer, and `ipoib upgrade` returns. */
  taken(): void {
    Deno.env.delete("IPOIB_HANDOVER");
    if (this.#file) {
      this.check();
      this.#checkRegularly();
    }
    this.detach();
  }

  #checkRegularly(): void {
    this.#timer = setInterval(() => this.check(), CHECK_MS);
    Deno.unrefTimer(this.#timer);
  }

  /** Rotates the file if it is too long: see {@linkcode LogFile.check}. */
  check(): void {
    this.#file?.check((file) => redirect("stderr", file));
  }

  /** Closes the pipe to the process that waits until the interfaces are ready, which then returns. */
  detach(): void {
    if (!this.#awaited) return;
    this.#awaited = false;
    using nothing = openNull();
    redirect("stdout", nothing);
  }

  /**
   * Logs the error that ends the process, unless the log goes to standard error, where the command line prints it.
   * Otherwise redirects standard error, so that it is not in the log twice: to the process that waits until the
   * interfaces are ready, if any.
   */
  fail({ message, hint }: IpoibError): void {
    this.#log?.flush(true);
    const text = hint === undefined ? message : `${message} (${hint})`;
    const line = { time: new Date(), level: "error", name: "", text } as const;
    const journal = logDestination() === "journal";
    if (!this.#file && !journal && !this.#awaited) return;
    if (journal) {
      using socket = new JournalSocket();
      journalSink(socket)(line);
    } else {
      writeLine(line);
    }
    if (this.#file || this.#awaited) return redirect("stderr", "stdout");
    using nothing = openNull();
    redirect("stderr", nothing);
  }

  [Symbol.dispose](): void {
    this.#log?.flush(true);
    clearInterval(this.#timer);
    this.#file?.[Symbol.dispose]();
  }
}

/** Runs a process with its log: calls `run`, logs the error that it throws, and throws it again. */
export async function withLog<T>(
  run: (log: ProcessLog) => Promise<T>,
): Promise<T> {
  using log = new ProcessLog();
  try {
    return await run(log);
  } catch (error) {
    log.fail(IpoibError.from(error));
    throw error;
  }
}
