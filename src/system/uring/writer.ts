/** Writes that go with the next wait; what became of them is known when it is over. */

import type { FrameWriter, WriteResults } from "../frames.ts";
import { type Operation, type Ring, SKIP_SUCCESS } from "./ring.ts";

const WRITE = 23;

/** Prepares a write of `length` bytes at `address`; only a failure completes, with `tag` and the length. Returns its first word. */
export function prepareWrite(
  ring: Ring,
  fd: number,
  address: bigint,
  length: number,
  tag: number,
): number {
  const at = ring.prepare();
  const { words, quads } = ring;
  words[at] = WRITE | SKIP_SUCCESS;
  words[at + 1] = fd;
  words[at + 2] = 0xffffffff;
  words[at + 3] = 0xffffffff;
  quads[(at + 4) >> 1] = address;
  words[at + 6] = length;
  words[at + 8] = tag;
  words[at + 9] = length;
  return at;
}

/** See above. */
export class UringWriter implements FrameWriter, Operation {
  readonly tag: number;
  readonly #ring: Ring;
  readonly #fd: number;
  readonly #results: WriteResults;
  readonly #closed: (writer: UringWriter) => void;
  /** Prepared since the last wait. */
  #frames = 0;
  #bytes = 0;
  /** Given to the kernel by it. */
  #sentFrames = 0;
  #sentBytes = 0;

  /** @param closed takes it out of the reactor */
  constructor(
    ring: Ring,
    fd: number,
    tag: number,
    results: WriteResults,
    closed: (writer: UringWriter) => void,
  ) {
    this.tag = tag;
    this.#ring = ring;
    this.#fd = fd;
    this.#results = results;
    this.#closed = closed;
  }

  write(address: bigint, length: number): void {
    this.#frames++;
    this.#bytes += length;
    prepareWrite(this.#ring, this.#fd, address, length, this.tag);
  }

  complete(result: number, _flags: number, length: number): void {
    if (result >= 0) return;
    this.#sentFrames--;
    this.#sentBytes -= length;
    this.#results.onRefused(-result);
  }

  /** What was prepared goes to the kernel now. */
  send(): void {
    this.#sentFrames += this.#frames;
    this.#sentBytes += this.#bytes;
    this.#frames = 0;
    this.#bytes = 0;
  }

  /** What the kernel had, and did not refuse, was taken. */
  settle(): void {
    const frames = this.#sentFrames;
    const bytes = this.#sentBytes;
    // Below zero: the ring was full, so that one was refused before its turn.
    if (frames <= 0) return;
    this.#sentFrames = 0;
    this.#sentBytes = 0;
    this.#results.onWritten(frames, bytes);
  }

  close(): void {
    this.#closed(this);
  }
}
