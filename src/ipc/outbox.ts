/** Write queue of one client. */

import { writeAll } from "./framing.ts";

/** Bytes of memory charged for a queued line in addition to its text. */
const OVERHEAD = 512;

export class Outbox {
  readonly #conn: Deno.UnixConn;
  readonly #onFailure: () => void;
  #writes: Promise<void> = Promise.resolve();
  #unsent = 0;
  #movedAt = performance.now();

  /** @param onFailure called when a write fails */
  constructor(conn: Deno.UnixConn, onFailure: () => void) {
    this.#conn = conn;
    this.#onFailure = onFailure;
  }

  /** Bytes of memory charged for lines that are not written yet. */
  get unsent(): number {
    return this.#unsent;
  }

  /** Time (performance.now()) of the last write; the present time while the queue is empty. */
  get movedAt(): number {
    return this.#unsent === 0 ? performance.now() : this.#movedAt;
  }

  /** Queues a line. Resolves when the line is written or its write has failed. */
  push(line: Uint8Array): Promise<void> {
    if (this.#unsent === 0) this.#movedAt = performance.now();
    this.#unsent += line.length + OVERHEAD;
    return this.#writes = this.#writes.then(() => this.#write(line));
  }

  /** Resolves when all lines queued so far are written or have failed. */
  empty(): Promise<void> {
    return this.#writes;
  }

  async #write(line: Uint8Array): Promise<void> {
    let left = line.length + OVERHEAD;
    try {
      await writeAll({
        write: async (bytes) => {
          const taken = await this.#conn.write(bytes);
          this.#movedAt = performance.now();
          this.#unsent -= taken;
          left -= taken;
          return taken;
        },
      }, line);
    } catch {
      this.#onFailure();
    } finally {
      this.#unsent -= left;
    }
  }
}
