/** Finds out why the process behind a control socket does not reply: a signal may have stopped it. */

import { listenerPid } from "../../system/peer_credentials.ts";
import { readSmallFile } from "../../system/read_files.ts";
import type { Problem } from "../facts.ts";

/** Returns the problem of the process that listens at `path`; undefined if it is not known to be stopped. */
export function stoppedProcess(path: string): Problem | undefined {
  const pid = listenerPid(path);
  return pid !== undefined && isStopped(pid)
    ? { message: `its process ${pid} is stopped`, hint: `kill -CONT ${pid}` }
    : undefined;
}

/** True if a signal has stopped the process (proc(5), field `state`). */
export function isStopped(pid: number): boolean {
  // The state follows the name in parentheses, which may contain any character.
  const text = readSmallFile(`/proc/${pid}/stat`) ?? "";
  return /^[Tt]/.test(text.slice(text.lastIndexOf(")") + 2));
}
