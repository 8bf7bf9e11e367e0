/**
 * Rings eventfds of other processes with the next wait.
 *
 * The write has RWF_NOWAIT: it fails instead of blocking if the count of the eventfd is at its maximum or if a process
 * that holds the eventfd has made it blocking.
 */

import { addressOf } from "../../../ffi/libc.ts";
import type { Bell } from "../reactor.ts";
import type { Operation, Ring } from "./ring.ts";
import { prepareWrite, WRITE } from "./writer.ts";

const RWF_NOWAIT = 8;
const LENGTH = 8;

export class UringBells implements Operation {
  readonly #ring: Ring;
  readonly #tag: number;
  readonly #one = new Uint8Array(new BigUint64Array([1n]).buffer);
  readonly #oneAddress = addressOf(this.#one);
  /** Called if the write to an eventfd fails, by descriptor. */
  readonly #failed = new Map<number, () => void>();

  constructor(ring: Ring, tag: number) {
    this.#ring = ring;
    this.#tag = tag;
  }

  open(fd: number, failed: () => void): Bell {
    this.#failed.set(fd, failed);
    return {
      ring: () => {
        const at = prepareWrite(
          this.#ring,
          WRITE,
          fd,
          this.#oneAddress,
          LENGTH,
          this.#tag,
          fd,
        );
        this.#ring.words[at + 7] = RWF_NOWAIT;
      },
      close: () => {
        if (this.#failed.get(fd) === failed) this.#failed.delete(fd);
      },
    };
  }

  /** Called for failed writes only. The detail of the user data is the descriptor. */
  complete(_result: number, _flags: number, fd: number): void {
    this.#failed.get(fd)?.();
  }
}
