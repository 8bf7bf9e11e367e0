/**
 * Multicast groups and paths in the layout of the debugfs files IF_mcg and IF_path (Linux ipoib_fs.c), for scripts that
 * parse these files.
 *
 * Entries are sorted by GID, and a blank line follows each. A GID has eight groups of hexadecimal digits without
 * compression. The rate is in Gb/s; its fraction is the remainder in Mb/s without leading zeros, as the driver prints
 * it: 14062 Mb/s is "14.62".
 */

import { hex } from "../../base/hex.ts";
import type { McgRecord, PathRecord } from "../../ipc/schema.ts";

/**
 * Formats groups as the file IF_mcg.
 *
 * @param uptimeMs time since boot. The driver prints the creation time of a group in jiffies, whose rate user space
 *   cannot query. It is printed in hundredths of a second since boot instead.
 */
export function renderMcgFile(records: McgRecord[], uptimeMs: number): string {
  return sorted(records, ({ mgid }) => mgid).map((group) => {
    const created = Math.max(0, Math.round((uptimeMs - group.created_ms) / 10));
    return `GID: ${group.mgid}\n` +
      `  created: ${String(created).padStart(10)}\n` +
      `  queuelen: ${String(group.queuelen).padStart(9)}\n` +
      `  complete: ${yesNo(group.complete).padStart(9)}\n` +
      `  send_only: ${yesNo(group.send_only).padStart(8)}\n` +
      "\n";
  }).join("");
}

/** Formats paths as the file IF_path. */
export function renderPathFile(records: PathRecord[]): string {
  return sorted(records, ({ gid }) => gid).map((path) =>
    `GID: ${path.gid}\n` +
    `  complete: ${yesNo(path.complete).padStart(6)}\n` +
    (path.complete ? attributes(path) : "") +
    "\n"
  ).join("");
}

function attributes({ dlid = 0, sl = 0, rate_mbps: mbps = 0 }: PathRecord) {
  const gigabits = String(Math.floor(mbps / 1000)).padStart(8);
  return `  DLID:     ${hex(dlid)}\n` +
    `  SL: ${String(sl).padStart(12)}\n` +
    `  rate: ${gigabits}.${mbps % 1000} Gb/sec\n`;
}

function yesNo(value: boolean): string {
  return value ? "yes" : "no";
}

/** Returns the records in the order of the numbers in their GIDs, which are in the long form. */
function sorted<T>(
  records: readonly T[],
  gidOf: (record: T) => string,
): T[] {
  const key = (record: T) =>
    gidOf(record).split(":").map((group) => group.padStart(4, "0")).join("");
  return records.toSorted((a, b) => key(a) < key(b) ? -1 : 1);
}
