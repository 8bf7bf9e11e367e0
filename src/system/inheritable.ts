/** Whether a descriptor stays open when another program replaces this one (FD_CLOEXEC, fcntl(2)). */

import { libc } from "../../ffi/libc.ts";

const F_SETFD = 2;
const FD_CLOEXEC = 1n;

export function inheritable(fd: number, stays: boolean): void {
  libc().fcntl(fd, F_SETFD, stays ? 0n : FD_CLOEXEC);
}
