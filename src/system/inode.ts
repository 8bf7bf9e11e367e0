/** Which file a path leads to, or is open. */

import { cString, libc } from "../../ffi/libc.ts";

const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const STATX_INO = 0x100;
const STATX_LENGTH = 256;
const INODE_AT = 32;

/** The inode number of the file that `path` leads to (statx(2)); undefined if it cannot be read. */
export function inodeOf(path: string): bigint | undefined {
  return read(AT_FDCWD, path, 0);
}

/** The inode number of an open file; undefined if it is not open. */
export function inodeOfFd(fd: number): bigint | undefined {
  return read(fd, "", AT_EMPTY_PATH);
}

function read(at: number, path: string, flags: number): bigint | undefined {
  const buffer = new Uint8Array(STATX_LENGTH);
  return libc().statx(at, cString(path), flags, STATX_INO, buffer) === 0
    ? new DataView(buffer.buffer).getBigUint64(INODE_AT, true)
    : undefined;
}
