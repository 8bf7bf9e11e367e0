/**
 * The lock of a subnet's manager: `manager.lock` in the subnet's folder.
 *
 * It ends with the process that holds it. A process that has stopped keeps it: then another one, which found that the manager does not
 * answer, takes the file away, makes a new one and locks that. The first process finds that the file is not its own any more
 * (manager/seat_guard.ts) before it does anything else, so that no two managers are at work.
 */

import type { Fd } from "../../system/fd.ts";
import { linkInode, removeFile } from "../../system/files.ts";
import { tryLock } from "../../system/lock.ts";
import { statFd } from "../../system/memory.ts";
import { connect, receive, send } from "../../system/unix_socket.ts";
import { encodeControl } from "../../subnet/protocol.ts";
import { managerSocketPath } from "../../subnet/sockets.ts";

/** How long a manager may take to answer the process that wants to take its place. */
const ANSWER_MS = 2000;
const LOOK_MS = 20;

export class SeatLock {
  readonly path: string;
  readonly inode: bigint;
  readonly #fd: Fd;

  private constructor(path: string, fd: Fd) {
    this.path = path;
    this.inode = statFd(fd.number).inode;
    this.#fd = fd;
  }

  /** Takes the lock of the subnet in this folder; undefined if another process has it. Throws `E_LOCK`. */
  static take(directory: string): SeatLock | undefined {
    const path = `${directory}/manager.lock`;
    const fd = tryLock(path);
    return fd && new SeatLock(path, fd);
  }

  /** Takes it from a manager that does not answer; undefined if it does, or if another process takes its place. */
  static async takeFromSilent(
    directory: string,
  ): Promise<SeatLock | undefined> {
    using takeover = tryLock(`${directory}/takeover.lock`);
    if (!takeover || await answers(managerSocketPath(directory))) {
      return undefined;
    }
    removeFile(`${directory}/manager.lock`);
    return SeatLock.take(directory);
  }

  /** False once another process has taken the manager's place. */
  get held(): boolean {
    return linkInode(this.path) === this.inode;
  }

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
  for (let waited = 0; waited < ANSWER_MS; waited += LOOK_MS) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    const received = receive(connection.number);
    if (received.type !== "empty") return received.type === "message";
  }
  return false;
}
