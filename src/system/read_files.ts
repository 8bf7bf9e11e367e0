/** Reading files and folders through libc: Deno's own file API asks for every permission below /sys, /proc and /etc. */

import { cString, libc } from "../../ffi/libc.ts";
import { Fd } from "./fd.ts";

const O_RDONLY_CLOEXEC = 0x80000;
const MAX_LENGTH = 4096;
/** Where the name begins in struct dirent (64-bit Linux). */
const NAME = 19;

/** The names in a folder, sorted, without `.` and `..`; none if it cannot be read. */
export function listDirectory(path: string): string[] {
  const directory = libc().opendir(cString(path));
  if (directory === null) return [];
  const names: string[] = [];
  for (;;) {
    const entry = libc().readdir(directory);
    if (entry === null) break;
    const name = new Deno.UnsafePointerView(entry).getCString(NAME);
    if (name !== "." && name !== "..") names.push(name);
  }
  libc().closedir(directory);
  return names.sort();
}

/** The first 4096 bytes as text, or undefined if the file cannot be read. */
export function readSmallFile(path: string): string | undefined {
  return readTextFile(path, MAX_LENGTH);
}

/** As much of the file as `limit` bytes, as text, or undefined if it cannot be read. */
export function readTextFile(
  path: string,
  limit: number,
): string | undefined {
  const number = libc().open(cString(path), O_RDONLY_CLOEXEC, 0);
  if (number < 0) return undefined;
  using fd = new Fd(number);
  const bytes = new Uint8Array(limit);
  let length = 0;
  while (length < limit) {
    const free = bytes.subarray(length);
    const read = libc().read(fd.number, free, free.length);
    if (read < 0) return undefined;
    if (read === 0) break;
    length += read;
  }
  return new TextDecoder().decode(bytes.subarray(0, length));
}
