/** Reading a small file through libc: Deno's own file API asks for every permission below /sys, /proc and /etc. */

import { cString, libc } from "../../ffi/libc.ts";
import { Fd } from "./fd.ts";

const O_RDONLY_CLOEXEC = 0x80000;
const MAX_LENGTH = 4096;

/** The first 4096 octets as text, or undefined if the file cannot be read. */
export function readSmallFile(path: string): string | undefined {
  const number = libc().open(cString(path), O_RDONLY_CLOEXEC, 0);
  if (number < 0) return undefined;
  using fd = new Fd(number);
  const bytes = new Uint8Array(MAX_LENGTH);
  const length = libc().read(fd.number, bytes, MAX_LENGTH);
  if (length < 0) return undefined;
  return new TextDecoder().decode(bytes.subarray(0, length));
}
