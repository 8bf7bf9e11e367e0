/** Exclusive file locks (flock(2)). The kernel releases a lock when its process ends. */

import { errno, libc } from "../../ffi/libc.ts";
import { Errno } from "../base/errno.ts";
import { lastError } from "./errno.ts";
import type { Fd } from "./fd.ts";
import { linkInode } from "./files.ts";
import { statFd } from "./memory.ts";
import { openRegular } from "./regular_file.ts";

const LOCK_EX_NB = 2 | 4;

/**
 * Locks the file at `path`, which is created if missing, and returns its descriptor. Returns undefined if another
 * process holds the lock, or has replaced the file in the meantime. Throws `E_LOCK`.
 */
export function tryLock(path: string): Fd | undefined {
  const fd = openRegular(path, "E_LOCK", { access: "both", create: true });
  try {
    if (lockFile(fd, path) && linkInode(path) === statFd(fd.number).inode) {
      return fd;
    }
  } catch (error) {
    fd.close();
    throw error;
  }
  fd.close();
  return undefined;
}

/**
 * Locks an open file, until all descriptors of this open file description are closed. Returns false if another one
 * holds the lock. Throws `E_LOCK`.
 */
export function lockFile(fd: Fd, path: string): boolean {
  if (libc().flock(fd.number, LOCK_EX_NB) === 0) return true;
  const why = errno();
  if (why === Errno.EAGAIN) return false;
  throw lastError("E_LOCK", `lock "${path}"`, { errno: why });
}
