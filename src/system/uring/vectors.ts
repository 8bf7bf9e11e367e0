/**
 * Memory for the vectors of gathered writes. The kernel reads the vectors of a write when it takes the submission
 * (io_uring_setup(2), IORING_FEAT_SUBMIT_STABLE), which is some time after the write was prepared.
 */

import { addressOf } from "../../../ffi/libc.ts";
import {
  type GatheredFrame,
  IOVEC_LENGTH,
  IOVEC_WORDS,
  MAX_PIECES,
} from "../frames.ts";
import type { Ring } from "./ring.ts";

/** Number of frames that can be prepared before they are submitted. */
const FRAMES = 64;
const FRAME_WORDS = MAX_PIECES * IOVEC_WORDS;
const FRAME_BYTES = MAX_PIECES * IOVEC_LENGTH;

/** The vectors of the writes of one ring. */
export class WriteVectors {
  readonly #ring: Ring;
  readonly #words = new Uint32Array(FRAMES * FRAME_WORDS);
  /** Address of each frame's vectors. A table, because computing a BigInt allocates memory. */
  readonly #addresses: readonly bigint[];
  #used = 0;

  constructor(ring: Ring) {
    this.#ring = ring;
    const base = addressOf(new Uint8Array(this.#words.buffer));
    this.#addresses = Array.from(
      { length: FRAMES },
      (_, frame) => base + BigInt(frame * FRAME_BYTES),
    );
  }

  /**
   * Copies the vectors of a frame, and returns the address of the copy for a write that the caller prepares next.
   * Submits the prepared operations first if there is no space left.
   */
  copy({ words, pieces }: GatheredFrame): bigint {
    const ring = this.#ring;
    if (this.#used === FRAMES) ring.submit();
    if (ring.allSubmitted) this.#used = 0;
    const frame = this.#used++;
    const to = this.#words;
    const at = frame * FRAME_WORDS;
    for (let i = 0; i < pieces * IOVEC_WORDS; i++) to[at + i] = words[i]!;
    return this.#addresses[frame]!;
  }
}
