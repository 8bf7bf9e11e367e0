/** Which file is at a path, to see that it was replaced; removing files. */

import { cString, libc } from "../../ffi/libc.ts";

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
const STATX_INO = 0x100;
/** Offsets in struct statx. */
const INODE = 32;

/** The inode of what is at `path` itself, a link not followed; undefined if nothing is. */
export function linkInode(path: string): bigint | undefined {
  return read(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);
}

/** The inode of the file that `path` leads to; undefined if it cannot be read. */
export function inodeOf(path: string): bigint | undefined {
  return read(AT_FDCWD, path, 0);
}

/** The inode of an open file; undefined if it is not open. */
export function inodeOfFd(fd: number): bigint | undefined {
  return read(fd, "", AT_EMPTY_PATH);
}

/** Removes the file at `path` if there is one. */
export function removeFile(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function read(at: number, path: string, flags: number): bigint | undefined {
  const buffer = new Uint8Array(256);
  return libc().statx(at, cString(path), flags, STATX_INO, buffer) < 0
    ? undefined
    : new DataView(buffer.buffer).getBigUint64(INODE, true);
}
