/** The descriptors that a process needs, and the check that it may have them before it starts anything. */

import { IpoibError } from "../base/errors.ts";
import { Errno } from "../base/errno.ts";
import { raiseDescriptorLimit } from "../system/limits.ts";

/** Of the runtime, its threads, the subnet's manager and clients. Measured: 35, and 23 for each interface. */
const PROCESS = 64;
/** Of an interface: its port, sockets, threads, and two peers. */
const INTERFACE = 32;

/** Raises the limit of this process; throws `E_FILES` if it is too low even so. */
export function ensureDescriptors(interfaces: number): void {
  const needed = PROCESS + INTERFACE * interfaces;
  const limit = raiseDescriptorLimit();
  if (limit >= needed) return;
  const what = interfaces === 0
    ? "The subnet manager needs"
    : interfaces === 1
    ? "An interface needs"
    : `${interfaces} interfaces need`;
  throw new IpoibError(
    "E_FILES",
    `${what} ${needed} open files, and the limit is ${limit}`,
    {
      errno: Errno.EMFILE,
      hint:
        `raise the hard limit, with ulimit -Hn ${needed} or LimitNOFILE=${needed} of the service`,
    },
  );
}
