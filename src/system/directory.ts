/** Listing a folder through libc: Deno's own file API asks for every permission below /sys and /proc. */

import { cString, libc } from "../../ffi/libc.ts";

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
