/** The capturing end of a capture: the connection to the data worker and the ring that it passes. */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import type { CaptureRecord } from "../ipc/schema.ts";
import type { Fd } from "../system/fd.ts";
import { sealedSize } from "../system/memory.ts";
import {
  connect,
  receive,
  type Received,
  takeWakes,
} from "../system/unix_socket.ts";
import { CAPTURE_VERSION } from "./record.ts";
import { ringBytes, RingReader } from "./ring.ts";

/** Limit of the wait for the ring, as that of a call, and interval at which the socket is read. */
const WAIT_MS = 20_000;
const POLL_MS = 5;

/** An open capture. Disposal ends it. */
export class CaptureConnection implements Disposable {
  readonly ring: RingReader;
  readonly #connection: Fd;

  private constructor(connection: Fd, ring: RingReader) {
    this.#connection = connection;
    this.ring = ring;
  }

  /**
   * Connects to a capture that was started. Throws `E_CAPTURE_VERSION` if its process is of another version,
   * `E_CAPTURE_ENDED` if it ends before the ring arrives, `E_SOCKET`, `E_PEER_MEMORY` and `E_MMAP`.
   */
  static async open(
    name: string,
    { socket, version, capacity }: CaptureRecord,
  ): Promise<CaptureConnection> {
    if (version !== CAPTURE_VERSION) {
      throw new IpoibError(
        "E_CAPTURE_VERSION",
        `${name} captures in another format`,
        {
          errno: Errno.EOPNOTSUPP,
          hint: "use the version of ipoib that runs the interface",
        },
      );
    }
    using parts = new DisposableStack();
    const connection = connect(socket);
    if (!connection) throw ended(name);
    parts.use(connection);
    const memory = parts.use(await ringOf(name, connection));
    if (sealedSize(memory.number) !== ringBytes(capacity)) throw ended(name);
    const ring = new RingReader(memory.number, capacity);
    memory.close();
    parts.move();
    return new CaptureConnection(connection, ring);
  }

  /** True if the data worker has ended the capture. What is in the ring can still be read. */
  get ended(): boolean {
    return takeWakes(this.#connection.number, 1) < 0;
  }

  [Symbol.dispose](): void {
    this.#connection.close();
    this.ring[Symbol.dispose]();
  }
}

/** Waits for the message with the ring's memory. */
async function ringOf(name: string, connection: Fd): Promise<Fd> {
  for (let waited = 0; waited < WAIT_MS; waited += POLL_MS) {
    const received: Received = receive(connection.number);
    if (received.type === "closed") break;
    if (received.type === "message") {
      const [memory, ...others] = received.fds;
      for (const fd of others) fd.close();
      if (memory) return memory;
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw ended(name);
}

function ended(name: string): IpoibError {
  return new IpoibError(
    "E_CAPTURE_ENDED",
    `${name} ended the capture before it began`,
    { errno: Errno.ECONNRESET, hint: "see the log of the interface" },
  );
}
