/** Writes that are submitted with the next wait. Their results are reported after that wait. */

import type { Pending, PendingList } from "../../base/pending_list.ts";
import type { FrameWriter, WriteResults } from "../frames.ts";
import { type Operation, type Ring, SKIP_SUCCESS } from "./ring.ts";

const WRITE = 23;

/**
 * Prepares a write of `length` bytes at `address`. Only a failure posts a completion, with `tag` and the length as
 * detail. Returns the index of the entry's first word.
 */
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

/** A {@linkcode FrameWriter} of a ring. */
export class UringWriter implements FrameWriter, Operation, Pending {
  /** True while writes are prepared or submitted, and not reported. */
  dirty = false;
  readonly tag: number;
  readonly #ring: Ring;
  readonly #fd: number;
  readonly #results: WriteResults;
  readonly #active: PendingList<UringWriter>;
  readonly #closed: (writer: UringWriter) => void;
  /** Frames and bytes prepared since the last wait. */
  #frames = 0;
  #bytes = 0;
  /** Frames and bytes submitted by the last wait and not reported yet. */
  #sentFrames = 0;
  #sentBytes = 0;

  /**
   * @param active list of the writers to {@linkcode send} and {@linkcode settle}
   * @param closed removes the writer from the reactor
   */
  constructor(
    ring: Ring,
    fd: number,
    tag: number,
    results: WriteResults,
    active: PendingList<UringWriter>,
    closed: (writer: UringWriter) => void,
  ) {
    this.tag = tag;
    this.#ring = ring;
    this.#fd = fd;
    this.#results = results;
    this.#active = active;
    this.#closed = closed;
  }

  write(address: bigint, length: number): void {
    this.#active.add(this);
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

  /** Counts the prepared writes as submitted, before the wait that submits them. */
  send(): void {
    this.#sentFrames += this.#frames;
    this.#sentBytes += this.#bytes;
    this.#frames = 0;
    this.#bytes = 0;
  }

  /** Reports the submitted writes that have not failed as written, after their completions were harvested. */
  settle(): void {
    const frames = this.#sentFrames;
    const bytes = this.#sentBytes;
    // Negative if a full ring was submitted early, and a write failed before `send` counted it.
    if (frames <= 0) return;
    this.#sentFrames = 0;
    this.#sentBytes = 0;
    this.#results.onWritten(frames, bytes);
  }

  get pending(): number {
    return this.#frames + this.#sentFrames;
  }

  /** True if no write is prepared or submitted without a report. */
  get idle(): boolean {
    return this.#frames === 0 && this.#sentFrames === 0;
  }

  close(): void {
    this.#closed(this);
    this.#active.remove(this);
  }
}
