/**
 * `--background`: starts the same program without the flag, in a session of its own, and waits until it is ready.
 *
 * What the new process has to say until then comes to the user's terminal; afterwards it writes to a file beside its
 * control socket, `<if>.log`: that of the first interface, if there are several.
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

/** The exit code where an interface did not come so far that it carried traffic. */
const NOT_READY = 2;

/** The file that this process writes to once it is ready, if it is one in the background. */
export function logFile(): string | undefined {
  return variable("IPOIB_LOG_FILE");
}

/**
 * Returns once every interface carries traffic, 0, or another exit code if one did not come so far: the new process has
 * said why.
 *
 * @param options with the names of all interfaces
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
  // Its end is that of the process, or the moment when it is ready and turns to its log.
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

async function checkFree(path: string, name: string): Promise<void> {
  try {
    (await IpcClient.connect(path, name)).close();
  } catch {
    return;
  }
  throw running(name);
}

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
