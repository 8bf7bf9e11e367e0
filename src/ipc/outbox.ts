/** Lines that wait to be written to one client. */

import { writeAll } from "./framing.ts";

/** Bytes that a waiting line costs beside its text. */
const OVERHEAD = 512;

export class Outbox {
  readonly #conn: Deno.UnixConn;
  readonly #onFailure: () => void;
  #writes: Promise<void> = Promise.resolve();
  #unsent = 0;
  #movedAt = performance.now();

  /** @param onFailure called when the client has gone */
  constructor(conn: Deno.UnixConn, onFailure: () => void) {
    this.#conn = conn;
    this.#onFailure = onFailure;
  }

  /** Bytes of memory for lines that the kernel has not taken yet. */
  get unsent(): number {
    return this.#unsent;
  }

  /** When the client last made progress: bytes were taken, or nothing waited. */
  get movedAt(): number {
    return this.#unsent === 0 ? performance.now() : this.#movedAt;
  }

  /** Writes a line after those before it; resolves when it is written or the client has gone. */
  push(line: Uint8Array): Promise<void> {
    if (this.#unsent === 0) this.#movedAt = performance.now();
    this.#unsent += line.length + OVERHEAD;
    return this.#writes = this.#writes.then(() => this.#write(line));
  }

  /** Resolves when nothing waits any more. */
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
