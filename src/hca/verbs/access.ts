/** Why a device file could not be opened: the libraries' errno often says something else. */

import { listDirectory } from "../../system/directory.ts";
import { Errno } from "../../system/errno.ts";

const FILES = "/dev/infiniband";

/** The errno and the remedy, by whether there are files of that kind at all. */
export function deviceFileFailure(
  kind: "umad" | "uverbs",
  folder: string = FILES,
): { errno: number; hint: string } {
  const there = listDirectory(folder).some((name) => name.startsWith(kind));
  return there
    ? {
      errno: Errno.EACCES,
      hint: `see whether ${folder}/${kind}* is open to this user`,
    }
    : { errno: Errno.ENOENT, hint: `load the kernel module ib_${kind}` };
}
