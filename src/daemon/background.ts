/**
 * `ipoib up --background`: starts this program again without the option, and waits until its interfaces are ready.
 *
 * Until then the output of the new process appears on the terminal. Afterwards the process writes to `<if>.log`, beside
 * the control socket of its first interface.
 */

import { variable } from "../base/variables.ts";
import { endingSignal } from "./signals.ts";
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
  initialNamespaceInode,
  namespaceInode,
  openNamespace,
  ownNamespace,
} from "../system/namespace.ts";
import { ownCommand } from "../system/own_command.ts";

/** Exit code if an interface never became ready. */
const NOT_READY = 2;

/** Returns the path of the log file of a background process; undefined for a process in the foreground. */
export function logFile(): string | undefined {
  return variable("IPOIB_LOG_FILE");
}

/**
 * Starts a background process and returns 0 when all its interfaces are ready. Returns another exit code if an
 * interface never became ready; the new process has then printed the reason. Throws `E_RUNNING` (EBUSY), `E_NETNS`,
 * `E_EXEC`.
 *
 * @param options options with the names of all interfaces
 */
export async function startInBackground(options: UpOptions): Promise<number> {
  using netns = options.netns === undefined
    ? ownNamespace()
    : openNamespace(options.netns);
  const directory = socketDirectory(
    runtimeDirectory(),
    namespaceIdentity(namespaceInode(netns.number), initialNamespaceInode()),
  );
  const { names } = options;
  const path = (name: string) => socketPath(directory, name);
  for (const name of names) await checkFree(path(name), name);
  const command = new Deno.Command(
    Deno.execPath(),
    {
      args: [
        ...ownCommand().slice(1),
        ...upArguments({ ...options, background: false }),
      ],
      env: { IPOIB_LOG_FILE: `${directory}/${names[0]}.log` },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    },
  );
  const child = command.spawn();
  const ending = endingSignal();
  void ending.promise.then(() => child.kill("SIGTERM"));
  // The pipe closes when the process exits, or when it is ready and redirects standard error to its log.
  for await (const part of child.stderr) Deno.stderr.writeSync(part);
  ending.ignore();
  const running = await Promise.all(
    names.map((name) => ready(path(name), name)),
  );
  if (running.includes(true)) {
    child.unref();
    return running.includes(false) ? NOT_READY : 0;
  }
  const { code } = await child.status;
  return code === 0 ? NOT_READY : code;
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
async function ready(path: string, name: string): Promise<boolean> {
  let client: IpcClient;
  try {
    client = await IpcClient.connect(path, name);
  } catch {
    return false;
  }
  try {
    await client.call("wait", {}, { timeout: Infinity });
    return true;
  } catch {
    return false;
  } finally {
    client.close();
  }
}
