/** Finds the process with a PID among those that own interfaces. */

import { IpoibError } from "../base/errors.ts";
import type { CliEnvironment } from "./environment.ts";
import { namespacesHidden, socketsOf } from "./listing.ts";
import { connect, type Target } from "./session.ts";

/**
 * Connects to a process, whose interfaces may be in any network namespace. Throws `E_NOT_RUNNING`, `E_IPC_PERMISSION` if
 * other namespaces cannot be listed, and the errors of `IpcClient.connect`.
 */
export async function openProcess(
  environment: CliEnvironment,
  pid: number,
): Promise<Target> {
  const { listenerPid } = await import("../system/peer_credentials.ts");
  const { asked, incomplete } = await socketsOf(environment, {
    allNetns: true,
    eachInterface: false,
  });
  const found = asked.find(({ socket: { path, target } }) =>
    target === undefined && listenerPid(path) === pid
  );
  if (found) return await connect(found.socket);
  if (incomplete) throw namespacesHidden();
  throw new IpoibError("E_NOT_RUNNING", `Process ${pid} has no interface`, {
    hint: "see ipoib version -a",
  });
}
