/**
 * Lock of the subnet manager: the file `manager.lock` in the directory of the subnet.
 *
 * The kernel releases the lock when its holder ends, but not when the holder is stopped. If the manager does not
 * answer, another process removes the file, creates a new one and locks it. When the stopped process continues, it
 * detects the new file before it handles any event (lock_check.ts), so two managers never run at the same time.
 */

import type { Fd } from "../../system/fd.ts";
import { linkInode, removeFile } from "../../system/files.ts";
import { tryLock } from "../../system/lock.ts";
import { statFd } from "../../system/memory.ts";
import { connect, receive, send } from "../../system/unix_socket.ts";
import { encodeControl } from "../../subnet/protocol.ts";
import { managerSocketPath } from "../../subnet/sockets.ts";

/** Time limit for the manager's reply to the ping of a process that tries to take over. */
const ANSWER_MS = 2000;
const POLL_MS = 20;

export class ManagerLock {
  readonly path: string;
  readonly inode: bigint;
  readonly #fd: Fd;

  private constructor(path: string, fd: Fd) {
    this.path = path;
    this.inode = statFd(fd.number).inode;
    this.#fd = fd;
  }

  /** Locks the subnet in this directory. Returns undefined if another process holds the lock. Throws `E_LOCK`. */
  static take(directory: string): ManagerLock | undefined {
    const path = `${directory}/manager.lock`;
    const fd = tryLock(path);
    return fd && new ManagerLock(path, fd);
  }

  /**
   * Takes the lock from a manager that does not answer. Returns undefined if the manager answers, or if another process
   * is taking over. Throws `E_LOCK`.
   */
  static async takeOver(
    directory: string,
  ): Promise<ManagerLock | undefined> {
    using takeover = tryLock(`${directory}/takeover.lock`);
    if (!takeover || await answers(managerSocketPath(directory))) {
      return undefined;
    }
    removeFile(`${directory}/manager.lock`);
    return ManagerLock.take(directory);
  }

  /** False if another process has taken over the lock. */
  get held(): boolean {
    return linkInode(this.path) === this.inode;
  }

  /** Releases the lock. */
  close(): void {
    this.#fd.close();
  }
}

/** True if the manager at this socket answers a ping. */
async function answers(path: string): Promise<boolean> {
  using connection = connect(path);
  if (!connection) return false;
  const ping = encodeControl({ type: "ping" }) as Uint8Array<ArrayBuffer>;
  if (!send(connection.number, ping)) return false;
  for (let waited = 0; waited < ANSWER_MS; waited += POLL_MS) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    const received = receive(connection.number);
    if (received.type !== "empty") return received.type === "message";
  }
  return false;
}
