/** Reads files and directories through libc, because Deno's file API needs --allow-all below /sys, /proc and /etc. */

import { cString, libcFiles } from "../../ffi/libc.ts";
import { Fd } from "./fd.ts";

const O_RDONLY_CLOEXEC = 0x80000;
const MAX_LENGTH = 4096;
/** Offset of d_name in struct dirent (64-bit Linux). */
const NAME = 19;

/** Returns the sorted names in a directory without `.` and `..`, or an empty list if it cannot be opened. */
export function listDirectory(path: string): string[] {
  const directory = libcFiles().opendir(cString(path));
  if (directory === null) return [];
  const names: string[] = [];
  for (;;) {
    const entry = libcFiles().readdir(directory);
    if (entry === null) break;
    const name = new Deno.UnsafePointerView(entry).getCString(NAME);
    if (name !== "." && name !== "..") names.push(name);
  }
  libcFiles().closedir(directory);
  return names.sort();
}

/** Returns the first 4096 bytes of a file as text, or undefined if it cannot be read. */
export function readSmallFile(path: string): string | undefined {
  return readTextFile(path, MAX_LENGTH);
}

/** Returns the first `limit` bytes of a file as text, or undefined if it cannot be read. */
export function readTextFile(
  path: string,
  limit: number,
): string | undefined {
  const number = libcFiles().open(cString(path), O_RDONLY_CLOEXEC, 0);
  if (number < 0) return undefined;
  using fd = new Fd(number);
  const bytes = new Uint8Array(limit);
  let length = 0;
  while (length < limit) {
    const free = bytes.subarray(length);
    const read = libcFiles().read(fd.number, free, free.length);
    if (read < 0) return undefined;
    if (read === 0) break;
    length += read;
  }
  return new TextDecoder().decode(bytes.subarray(0, length));
}
