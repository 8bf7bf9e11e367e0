/** Handles of processes (pidfd_open(2), Linux 5.3), which never refer to a later process with the same PID. */

import { errno, libc } from "../../ffi/libc.ts";
import { Errno } from "../base/errno.ts";
import { lastError } from "./errno.ts";
import { Fd } from "./fd.ts";

/** System call numbers, the same on x86-64 and arm64. */
const PIDFD_OPEN = 434n;
const PIDFD_SEND_SIGNAL = 424n;
const POLLIN = 1;
const SIGTERM = 15;

export class ProcessHandle implements Disposable {
  readonly pid: number;
  readonly #fd: Fd;

  private constructor(pid: number, fd: Fd) {
    this.pid = pid;
    this.#fd = fd;
  }

  /** Opens the process with a PID, or returns undefined if there is none. Throws `E_PROCESS` for any other error. */
  static open(pid: number): ProcessHandle | undefined {
    const fd = libc().pidfd_open(PIDFD_OPEN, pid, 0);
    if (fd >= 0) return new ProcessHandle(pid, new Fd(fd));
    const why = errno();
    // EINVAL: not a valid PID, or the id of a thread.
    if (why === Errno.ESRCH || why === Errno.EINVAL) return undefined;
    throw lastError("E_PROCESS", `open process ${pid}`, { errno: why });
  }

  /** True if the process has ended. */
  get ended(): boolean {
    const poll = new Uint8Array(8);
    const view = new DataView(poll.buffer);
    view.setInt32(0, this.#fd.number, true);
    view.setInt16(4, POLLIN, true);
    return libc().ppoll(poll, 1n, new Uint8Array(16), null) > 0;
  }

  /** Sends SIGTERM. Does nothing if the process has ended. Throws `E_PROCESS`, with EPERM without permission. */
  terminate(): void {
    const sent = libc().pidfd_send_signal(
      PIDFD_SEND_SIGNAL,
      this.#fd.number,
      SIGTERM,
      null,
      0,
    );
    if (sent === 0 || errno() === Errno.ESRCH) return;
    throw lastError("E_PROCESS", `end process ${this.pid}`);
  }

  [Symbol.dispose](): void {
    this.#fd.close();
  }
}
