/** Which file is at a path: to see that it was replaced. */

import { cString, libc } from "../../ffi/libc.ts";

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const STATX_INO = 0x100;
/** Offsets in struct statx. */
const INODE = 32;

/** The inode of what is at `path` itself, a link not followed; undefined if nothing is. */
export function fileInode(path: string): bigint | undefined {
  const buffer = new Uint8Array(256);
  const result = libc().statx(
    AT_FDCWD,
    cString(path),
    AT_SYMLINK_NOFOLLOW,
    STATX_INO,
    buffer,
  );
  return result < 0
    ? undefined
    : new DataView(buffer.buffer).getBigUint64(INODE, true);
}
