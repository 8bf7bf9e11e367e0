/**
 * The limit on the memory that devices may pin for this process (RLIMIT_MEMLOCK). The kernel compares the limit with all
 * pinned memory of the process, unless the process has CAP_IPC_LOCK in the initial user namespace (Linux ib_umem_get).
 */

import { libc } from "../../ffi/libc.ts";
import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { Capability, hasCapability } from "./capability.ts";
import { readSmallFile } from "./read_files.ts";

const RLIMIT_MEMLOCK = 8;
const UNLIMITED = 2n ** 64n - 1n;
const PAGE = 4096;
const KIB = 1024;
/** The only line of the user ID map of the initial user namespace, with single spaces. */
const ALL_USERS = "0 0 4294967295";

/** Memory in bytes. */
export interface LockedMemory {
  /** The limit; Infinity if there is none for this process. */
  readonly allowed: number;
  /** What is pinned now. */
  readonly pinned: number;
}

/** Returns the limit on locked memory, and the pinned memory of this process. */
export function lockedMemory(): LockedMemory {
  const status = readSmallFile("/proc/self/status") ?? "";
  const pinned = Number(/^VmPin:\s*(\d+) kB$/m.exec(status)?.[1] ?? 0) * KIB;
  return { allowed: isExempt() ? Infinity : readLimit(), pinned };
}

/**
 * Returns `E_MEMLOCK` (ENOMEM) if the limit does not allow `size` more bytes, undefined if it does. The message names the
 * bytes that are needed with those that are pinned, and the allowed ones.
 *
 * @param purpose for example "packets of mlx5_0"
 */
export function memoryShortage(
  purpose: string,
  size: number,
  { allowed, pinned }: LockedMemory = lockedMemory(),
): IpoibError | undefined {
  const needed = pinned + Math.ceil(size / PAGE) * PAGE;
  if (needed <= allowed) return undefined;
  return new IpoibError(
    "E_MEMLOCK",
    `Too little locked memory for ${purpose}: ${needed} bytes are needed, ${allowed} are allowed`,
    {
      errno: Errno.ENOMEM,
      hint:
        "raise the limit (ulimit -l, or LimitMEMLOCK= of systemd), or run with the capability CAP_IPC_LOCK",
    },
  );
}

function isExempt(): boolean {
  const map = readSmallFile("/proc/self/uid_map") ?? "";
  return hasCapability(Capability.IpcLock) &&
    map.trim().replaceAll(/\s+/g, " ") === ALL_USERS;
}

function readLimit(): number {
  const limits = new BigUint64Array(2);
  const failed = libc().getrlimit(
    RLIMIT_MEMLOCK,
    new Uint8Array(limits.buffer),
  );
  const [soft] = limits;
  return failed !== 0 || soft === UNLIMITED ? Infinity : Number(soft);
}
