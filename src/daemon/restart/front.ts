/**
 * The front of upgraded interfaces: a process in the foreground that has handed its interfaces over, and whose parent (a
 * shell, the init process of a container) waits for its end. It passes on signals, and exits after its successor, with
 * the code of that.
 */

import type { Millis } from "../../base/units.ts";
import { ProcessHandle } from "../../system/process_handle.ts";
import type { Successor } from "./hand_over.ts";

const STEP_MS: Millis = 100;
/** Time for the successor to exit after it has reported its code. */
const EXIT_MS: Millis = 2000;

/**
 * Waits for the end of the successor, or of the process that takes over from that. Returns its exit code, or `lost` if
 * it ends without one.
 *
 * @param ending resolves when the successor is to end
 */
export async function followSuccessor(
  { pid, channel }: Successor,
  ending: Promise<unknown>,
  lost: number,
): Promise<number> {
  let last = pid;
  let isEnding = false;
  void ending.then(() => {
    isEnding = true;
    terminate(last);
  });
  using _channel = channel;
  for (;;) {
    try {
      const received = channel.poll(["running", "ended"]);
      if (received?.message.type === "ended") {
        await end(last);
        return received.message.code;
      }
      if (received) {
        last = received.message.pid;
        // The signal went to the process before, which had already handed over.
        if (isEnding) terminate(last);
      } else await pause();
    } catch {
      return lost;
    }
  }
}

function terminate(pid: number): void {
  using process = ProcessHandle.open(pid);
  process?.terminate();
}

/** Waits for the end of a process, at most {@linkcode EXIT_MS}. */
async function end(pid: number): Promise<void> {
  using process = ProcessHandle.open(pid);
  const limit = performance.now() + EXIT_MS;
  while (process && !process.ended && performance.now() < limit) await pause();
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, STEP_MS));
}
