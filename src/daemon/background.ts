/**
 * `ipoib up --background`: starts this program again without the option, waits until its interfaces are ready, and
 * shows meanwhile what they wait for.
 *
 * The new process writes its log to a file (log_file.ts). Its warnings, and the error that ends it, also appear on the
 * terminal until the interfaces are ready.
 */

import { StatusLine, statusOptions } from "../base/status_line.ts";
import { IpcClient } from "../ipc/client.ts";
import {
  namespaceIdentity,
  runtimeDirectory,
  socketDirectory,
  socketPath,
} from "../ipc/locate.ts";
import { running } from "../ipc/server.ts";
import { upArguments, type UpOptions } from "../ipc/up_options.ts";
import {
  namedNamespaces,
  namespaceInode,
  openNamespace,
  ownNamespace,
} from "../system/namespace.ts";
import { initialNamespaceInode } from "../system/namespace_inodes.ts";
import { ownCommand } from "../system/own_command.ts";
import { logDirectory, logPath, makeLogDirectory } from "./log_path.ts";
import { endingSignal } from "./signals.ts";
import { followStates, StartProgress } from "./start_progress.ts";

/** Exit code if an interface never became ready. */
const NOT_READY = 2;
/** Exit code if an interface was not ready in time. */
const TIMED_OUT = 4;
/** Exit codes after a signal, as shells have them. */
const INTERRUPTED: Partial<Record<Deno.Signal, number>> = {
  SIGHUP: 129,
  SIGINT: 130,
  SIGTERM: 143,
};
/** A process that is stopped is killed if it has not ended after this time. */
const KILL_MS = 10_000;

/**
 * Starts a background process and returns 0 when all its interfaces are ready. Otherwise prints the reason and returns
 * another exit code: 2 if an interface never became ready, 4 if it was not ready in time, and 128 plus the number of
 * the signal that ended the wait. After a timeout or a signal the process is stopped. Throws `E_RUNNING` (EBUSY),
 * `E_NETNS`, `E_EXEC`.
 *
 * @param options options with the names of all interfaces
 */
export async function startInBackground(options: UpOptions): Promise<number> {
  using netns = options.netns === undefined
    ? ownNamespace()
    : openNamespace(options.netns);
  const namespace = namespaceIdentity(
    namespaceInode(netns.number),
    initialNamespaceInode(),
  );
  const directory = socketDirectory(runtimeDirectory(), namespace);
  const { names } = options;
  const paths = new Map(
    names.map((name) => [name, socketPath(directory, name)]),
  );
  for (const [name, path] of paths) await checkFree(path, name);
  const logs = logDirectory(options.user);
  if (options.logFile === undefined) makeLogDirectory(logs);
  const child = startProcess(
    options,
    options.logFile ?? logPath(logs, names[0]!, namespace, namedNamespaces()),
  );
  const status = new StatusLine(statusOptions(Deno.stderr));
  using progress = new StartProgress(status);
  const following = followStates(paths, progress);
  const end = await outcome(child, status, options.timeoutS);
  following.stop();
  if (end !== "closed") {
    progress.end();
    status.print(
      end === "timeout"
        ? `ipoib: Not ready after ${options.timeoutS} s: ${progress.text}\n`
        : `ipoib: Interrupted: ${progress.text}\n`,
    );
    await stop(child);
    return end === "timeout" ? TIMED_OUT : INTERRUPTED[end] ?? NOT_READY;
  }
  const ready = await Promise.all(
    [...paths].map(([name, path]) => isReady(path, name)),
  );
  progress.end();
  if (ready.includes(true)) {
    child.unref();
    return ready.includes(false) ? NOT_READY : 0;
  }
  const { code } = await child.status;
  return code === 0 ? NOT_READY : code;
}

/** Starts the process with its log file. Its output is piped. */
function startProcess(options: UpOptions, log: string): Deno.ChildProcess {
  const { timeoutS: _, ...others } = options;
  return new Deno.Command(Deno.execPath(), {
    args: [
      ...ownCommand().slice(1),
      ...upArguments({ ...others, background: false }),
    ],
    env: { IPOIB_LOG_FILE: log },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/**
 * Copies the output of the process to standard error until it closes the pipes: when it ends, or when its interfaces
 * are ready. Returns "closed", or what happened before: "timeout" or a signal.
 */
async function outcome(
  child: Deno.ChildProcess,
  status: StatusLine,
  timeoutS: number | undefined,
): Promise<"closed" | "timeout" | Deno.Signal> {
  const copied = Promise.all(
    [child.stdout, child.stderr].map((stream) => copy(stream, status)),
  );
  const ending = endingSignal();
  const timeout = Promise.withResolvers<"timeout">();
  const timer = timeoutS === undefined
    ? undefined
    : setTimeout(() => timeout.resolve("timeout"), timeoutS * 1000);
  try {
    return await Promise.race([
      copied.then(() => "closed" as const),
      timeout.promise,
      ending.promise,
    ]);
  } finally {
    clearTimeout(timer);
    ending.ignore();
  }
}

async function copy(
  stream: ReadableStream<Uint8Array>,
  status: StatusLine,
): Promise<void> {
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    status.print(text);
  }
}

/** Stops the process and waits for its end. */
async function stop(child: Deno.ChildProcess): Promise<void> {
  const kill = (signal: Deno.Signal) => {
    try {
      child.kill(signal);
    } catch {
      // The process has ended.
    }
  };
  kill("SIGTERM");
  const timer = setTimeout(() => kill("SIGKILL"), KILL_MS);
  await child.status;
  clearTimeout(timer);
}

/** Throws `E_RUNNING` if a process listens at `path`. */
async function checkFree(path: string, name: string): Promise<void> {
  try {
    (await IpcClient.connect(path, name)).close();
  } catch {
    return;
  }
  throw running(name);
}

/** Resolves to true when the interface is ready, to false if its process exits first. */
async function isReady(path: string, name: string): Promise<boolean> {
  try {
    using client = await IpcClient.connect(path, name);
    await client.call("wait", {}, { timeout: Infinity });
    return true;
  } catch {
    return false;
  }
}
