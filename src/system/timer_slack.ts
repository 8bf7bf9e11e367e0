/** How late the kernel may end a wait: 50 us for ordinary threads, which is longer than the waits of moderation. */

import { libc } from "../../ffi/libc.ts";

const PR_SET_TIMERSLACK = 29;

/** Has waits of this thread end when they should (prctl(2), in nanoseconds; 0 would mean the default). */
export function exactTimers(): void {
  libc().prctl(PR_SET_TIMERSLACK, 1n, 0n, 0n, 0n);
}
