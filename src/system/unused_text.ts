/**
 * Removes program text and constants from the resident memory of this process.
 *
 * The start of the runtime reads about 40 MB of its executable, of which an interface then uses a few. They are pages of
 * files without changes: the next access maps a page again, from the page cache unless the kernel needed its memory.
 */

import { libc } from "../../ffi/libc.ts";
import { readTextFile } from "./read_files.ts";

const MADV_DONTNEED = 4;
/** A process has some hundred mappings of 700 bytes of text. */
const MAX_SMAPS_LENGTH = 4 << 20;
/** A private mapping of a file that this process cannot write: start, end, inode. */
const UNWRITABLE = /^([0-9a-f]+)-([0-9a-f]+) r-[x-]p \S+ \S+ (\d+)/;

/** A range of addresses. */
export interface Mapping {
  readonly start: bigint;
  readonly end: bigint;
}

/**
 * Returns the private mappings of files in a text of /proc/PID/smaps that cannot be written and have no changed pages,
 * in memory ("Anonymous") or swapped out ("Swap"). The linker has changed pages that are constant afterwards: to drop
 * those would undo the changes. A mapping without one of the two counts is taken for changed.
 */
export function unchangedMappings(smaps: string): Mapping[] {
  const mappings: Mapping[] = [];
  for (const entry of smaps.split(/\n(?=[0-9a-f]+-)/)) {
    const [, start, end, inode] = UNWRITABLE.exec(entry) ?? [];
    if (start === undefined || inode === "0") continue;
    if (!/^Anonymous: +0 kB$/m.test(entry)) continue;
    if (!/^Swap: +0 kB$/m.test(entry)) continue;
    mappings.push({ start: BigInt(`0x${start}`), end: BigInt(`0x${end}`) });
  }
  return mappings;
}

/** Drops the pages of all {@linkcode unchangedMappings} of this process. Does nothing where /proc is not mounted. */
export function dropUnusedText(): void {
  const smaps = readTextFile("/proc/self/smaps", MAX_SMAPS_LENGTH) ?? "";
  for (const { start, end } of unchangedMappings(smaps)) {
    libc().madvise(start, end - start, MADV_DONTNEED);
  }
}
