/** Ending a process with all its interfaces by its PID. The modules of src/system are loaded at the first use. */

import { IpoibError } from "../base/errors.ts";
import { processLocksPath } from "../ipc/locate.ts";

const LOOK_INTERVAL_MS = 20;

/**
 * Sends SIGTERM to the process and waits until it has ended, `timeoutMs` at most.
 *
 * Throws `E_NOT_RUNNING` unless the kernel knows it as a process that holds interfaces with this runtime folder (see
 * system/process_locks.ts), `E_PROCESS` if it may not be ended, `E_DOWN` if it does not end in time.
 */
export async function endProcess(
  runtime: string,
  pid: number,
  timeoutMs: number,
): Promise<void> {
  const { ProcessHandle } = await import("../system/process_handle.ts");
  const { ProcessLocks } = await import("../system/process_locks.ts");
  // First the handle: what then holds a lock under this PID is the same process.
  using process = ProcessHandle.open(pid);
  using locks = ProcessLocks.open(processLocksPath(runtime));
  if (!process || !locks?.pids().has(pid)) {
    throw new IpoibError(
      "E_NOT_RUNNING",
      `Process ${pid} has no interface of ${runtime}`,
      { hint: "ipoib -d link show names the process of an interface" },
    );
  }
  process.terminate();
  const end = performance.now() + timeoutMs;
  while (!process.ended) {
    if (performance.now() > end) {
      throw new IpoibError(
        "E_DOWN",
        `Process ${pid} did not end within ${timeoutMs / 1000} s`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_INTERVAL_MS));
  }
}
