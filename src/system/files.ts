/** Inode numbers of files, to detect that a file was replaced, and removal of files. */

import { cString, libcFiles } from "../../ffi/libc.ts";

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
const STATX_INO = 0x100;
/** Offsets in struct statx. */
const INODE = 32;

/** Returns the inode of `path` without following a final symbolic link, or undefined if statx(2) fails. */
export function linkInode(path: string): bigint | undefined {
  return read(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);
}

/** Returns the inode of `path`, following symbolic links, or undefined if statx(2) fails. */
export function inodeOf(path: string): bigint | undefined {
  return read(AT_FDCWD, path, 0);
}

/** Returns the inode of an open descriptor, or undefined if it is not open. */
export function inodeOfFd(fd: number): bigint | undefined {
  return read(fd, "", AT_EMPTY_PATH);
}

/** Removes the file at `path`. Does nothing if there is none. */
export function removeFile(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function read(at: number, path: string, flags: number): bigint | undefined {
  const buffer = new Uint8Array(256);
  return libcFiles().statx(at, cString(path), flags, STATX_INO, buffer) < 0
    ? undefined
    : new DataView(buffer.buffer).getBigUint64(INODE, true);
}
