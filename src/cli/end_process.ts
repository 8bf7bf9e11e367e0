/** Stops the process with a given PID and all its interfaces. Loads the modules of src/system on demand. */

import { IpoibError } from "../base/errors.ts";
import { processLocksPath } from "../ipc/locate.ts";

const POLL_INTERVAL_MS = 20;

/**
 * Sends SIGTERM to the process and waits up to `timeoutMs` for it to exit.
 *
 * Throws `E_NOT_RUNNING` if the process does not exist or holds no lock in the runtime directory `runtime`
 * (system/process_locks.ts), `E_PROCESS` if the caller may not signal it, `E_DOWN` if it does not exit in time, and
 * `E_LOCK`.
 */
export async function endProcess(
  runtime: string,
  pid: number,
  timeoutMs: number,
): Promise<void> {
  const { ProcessHandle } = await import("../system/process_handle.ts");
  const { ProcessLocks } = await import("../system/process_locks.ts");
  // The handle is opened first, so that a lock found afterwards under this PID belongs to the same process.
  using process = ProcessHandle.open(pid);
  using locks = ProcessLocks.open(processLocksPath(runtime));
  if (!process || !locks?.pids().has(pid)) {
    throw new IpoibError(
      "E_NOT_RUNNING",
      `Process ${pid} owns no interface in ${runtime}`,
      { hint: "ipoib -d link show prints the pid of an interface" },
    );
  }
  process.terminate();
  const end = performance.now() + timeoutMs;
  while (!process.ended) {
    if (performance.now() > end) {
      throw new IpoibError(
        "E_DOWN",
        `Process ${pid} did not exit within ${timeoutMs / 1000} s`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL_MS));
  }
}
