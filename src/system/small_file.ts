/** Reading a small file through libc: Deno's own file API asks for every permission below /sys, /proc and /etc. */

import { cString, libc } from "../../ffi/libc.ts";
import { Fd } from "./fd.ts";

const O_RDONLY_CLOEXEC = 0x80000;
const MAX_LENGTH = 4096;

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
