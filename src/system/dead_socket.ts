/** Removes stale sockets from the file system. */

import { errno, libc } from "../../ffi/libc.ts";
import { Errno } from "../base/errno.ts";
import { openSocket } from "./fd.ts";
import { removeFile } from "./files.ts";
import { unixAddress } from "./unix_socket.ts";

const AF_UNIX = 1;
const SOCK_NONBLOCK_CLOEXEC = 0x800 | 0x80000;
const TYPES = { stream: 1, seqpacket: 5 } as const;

/**
 * Removes the socket at `path` if no process listens at it (connect(2) fails with ECONNREFUSED). Returns false if it
 * was not removed.
 */
export function removeDeadSocket(
  path: string,
  type: keyof typeof TYPES,
): boolean {
  const before = inodeOf(path);
  if (before === undefined || !isDeadSocket(path, type)) return false;
  // Another process may have replaced the stale socket with its own in the meantime.
  if (inodeOf(path) !== before) return false;
  removeFile(path);
  return true;
}

/** True if no process listens at the socket (connect(2) fails with ECONNREFUSED). */
export function isDeadSocket(
  path: string,
  type: keyof typeof TYPES,
): boolean {
  using fd = openSocket(AF_UNIX, TYPES[type] | SOCK_NONBLOCK_CLOEXEC, 0);
  const address = unixAddress(path);
  return libc().connect(fd.number, address, address.length) !== 0 &&
    errno() === Errno.ECONNREFUSED;
}

function inodeOf(path: string): number | undefined {
  try {
    const { isSocket, ino } = Deno.lstatSync(path);
    return isSocket === true ? ino ?? undefined : undefined;
  } catch {
    return undefined;
  }
}
