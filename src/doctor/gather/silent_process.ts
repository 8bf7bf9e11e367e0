/** Finds out why the process behind a control socket does not reply: a signal may have stopped it. */

import { libc } from "../../../ffi/libc.ts";
import { openSocket } from "../../system/fd.ts";
import { readSmallFile } from "../../system/read_files.ts";
import { SOL_SOCKET } from "../../system/socket_options.ts";
import { unixAddress } from "../../system/unix_socket.ts";
import type { Problem } from "../facts.ts";

const AF_UNIX = 1;
/** Non-blocking, because the queue of connections may be full. */
const SOCK_STREAM_NONBLOCK_CLOEXEC = 1 | 0x800 | 0x80000;
const SO_PEERCRED = 17;
/** Length of struct ucred: PID, user and group. */
const CREDENTIALS = 12;

/** Returns the problem of the process that listens at `path`; undefined if it is not known to be stopped. */
export function stoppedProcess(path: string): Problem | undefined {
  const pid = listenerOf(path);
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

/** Returns the PID of the process that listens at `path` (unix(7), SO_PEERCRED); undefined if there is none. */
function listenerOf(path: string): number | undefined {
  using fd = openSocket(AF_UNIX, SOCK_STREAM_NONBLOCK_CLOEXEC, 0);
  const address = unixAddress(path);
  if (libc().connect(fd.number, address, address.length) < 0) return undefined;
  const value = new Uint8Array(CREDENTIALS);
  const size = new Uint8Array(new Uint32Array([CREDENTIALS]).buffer);
  const failed = libc().getsockopt(
    ...[fd.number, SOL_SOCKET, SO_PEERCRED, value, size] as const,
  );
  return failed < 0
    ? undefined
    : new DataView(value.buffer).getInt32(0, true) || undefined;
}
