/** Exclusive file locks, which end with the process that holds them however it ends. */

import { cString, libc } from "../../ffi/libc.ts";
import { Errno, lastError } from "./errno.ts";
import { errno } from "../../ffi/libc.ts";
import { Fd } from "./fd.ts";
import { fileInode } from "./file_inode.ts";
import { statFd } from "./memory.ts";

const O_RDWR_CREAT_CLOEXEC = 2 | 0x40 | 0x80000;
const LOCK_EX_NB = 2 | 4;

/**
 * Takes the lock of `path` (made if missing), or returns undefined if another process has it, or has put another file there in this
 * moment. Throws `E_LOCK`.
 */
export function tryLock(path: string): Fd | undefined {
  const raw = libc().open(cString(path), O_RDWR_CREAT_CLOEXEC, 0o600);
  if (raw < 0) throw lastError("E_LOCK", `open lock file "${path}"`);
  const fd = new Fd(raw);
  if (libc().flock(raw, LOCK_EX_NB) === 0) {
    if (fileInode(path) === statFd(raw).inode) return fd;
    fd.close();
    return undefined;
  }
  const why = errno();
  fd.close();
  if (why === Errno.EAGAIN) return undefined;
  throw lastError("E_LOCK", `lock "${path}"`, { errno: why });
}
