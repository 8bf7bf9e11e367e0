/** Check of the limit on open files at the start of a process. */

import { IpoibError } from "../base/errors.ts";
import { Errno } from "../base/errno.ts";
import { raiseDescriptorLimit } from "../system/limits.ts";

/** Descriptors of the runtime, its threads, the subnet manager and clients. Measured: 35, and 23 per interface. */
const PROCESS = 64;
/** Descriptors of an interface: its port, sockets, threads, and two peers. */
const INTERFACE = 32;

/** Raises the soft limit on open files. Throws `E_FILES` (EMFILE) if the hard limit is too low for `interfaces`. */
export function ensureDescriptors(interfaces: number): void {
  const needed = PROCESS + INTERFACE * interfaces;
  const limit = raiseDescriptorLimit();
  if (limit >= needed) return;
  const subject = interfaces === 0
    ? "The subnet manager needs"
    : interfaces === 1
    ? "An interface needs"
    : `${interfaces} interfaces need`;
  throw new IpoibError(
    "E_FILES",
    `${subject} ${needed} open files, but the limit is ${limit}`,
    {
      errno: Errno.EMFILE,
      hint:
        `raise the hard limit with ulimit -Hn ${needed} or LimitNOFILE=${needed}`,
    },
  );
}
