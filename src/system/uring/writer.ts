/** Writes that are submitted with the next wait. Their results are reported after that wait. */

import type { Pending, PendingList } from "../../base/pending_list.ts";
import type { FrameWriter, GatheredFrame, WriteResults } from "../frames.ts";
import { type Operation, type Ring, SKIP_SUCCESS } from "./ring.ts";
import type { WriteVectors } from "./vectors.ts";

/** Opcodes of write(2) and writev(2). */
export const WRITE = 23;
const WRITEV = 2;

/** Low bits of a write's detail: its bytes. The bits above are its number of packets. */
const BYTES_BITS = 22;
const BYTES_MASK = (1 << BYTES_BITS) - 1;

/**
 * Prepares a write: of `length` bytes at `address`, or with WRITEV of `length` vectors at `address`. Only a failure
 * posts a completion, with `tag` and `detail`. Returns the index of the entry's first word.
 */
export function prepareWrite(
  ring: Ring,
  opcode: number,
  fd: number,
  address: bigint,
  length: number,
  tag: number,
  detail: number,
): number {
  const at = ring.prepare();
  const { words, quads } = ring;
  words[at] = opcode | SKIP_SUCCESS;
  words[at + 1] = fd;
  words[at + 2] = 0xffffffff;
  words[at + 3] = 0xffffffff;
  quads[(at + 4) >> 1] = address;
  words[at + 6] = length;
  words[at + 8] = tag;
  words[at + 9] = detail;
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
  readonly #vectors: WriteVectors;
  readonly #active: PendingList<UringWriter>;
  readonly #closed: (writer: UringWriter) => void;
  /** Frames prepared since the last wait, and the packets that they stand for. */
  #frames = 0;
  #packets = 0;
  #bytes = 0;
  /** Frames submitted by the last wait and not reported yet. */
  #sentFrames = 0;
  #sentPackets = 0;
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
    vectors: WriteVectors,
    active: PendingList<UringWriter>,
    closed: (writer: UringWriter) => void,
  ) {
    this.tag = tag;
    this.#ring = ring;
    this.#fd = fd;
    this.#results = results;
    this.#vectors = vectors;
    this.#active = active;
    this.#closed = closed;
  }

  write(address: bigint, length: number): void {
    this.#prepare(WRITE, address, length, 1, length);
  }

  writeGathered(frame: GatheredFrame): void {
    const address = this.#vectors.copy(frame);
    const { pieces, packets, bytes } = frame;
    this.#prepare(WRITEV, address, pieces, packets, bytes);
  }

  complete(result: number, _flags: number, detail: number): void {
    if (result >= 0) return;
    const packets = detail >>> BYTES_BITS;
    this.#sentFrames--;
    this.#sentPackets -= packets;
    this.#sentBytes -= detail & BYTES_MASK;
    this.#results.onRefused(-result, packets);
  }

  /** Counts the prepared writes as submitted, before the wait that submits them. */
  send(): void {
    this.#sentFrames += this.#frames;
    this.#sentPackets += this.#packets;
    this.#sentBytes += this.#bytes;
    this.#frames = 0;
    this.#packets = 0;
    this.#bytes = 0;
  }

  /** Reports the submitted writes that have not failed as written, after their completions were harvested. */
  settle(): void {
    const frames = this.#sentFrames;
    const packets = this.#sentPackets;
    const bytes = this.#sentBytes;
    // Negative if a full ring was submitted early, and a write failed before `send` counted it.
    if (frames <= 0) return;
    this.#sentFrames = 0;
    this.#sentPackets = 0;
    this.#sentBytes = 0;
    this.#results.onWritten(frames, bytes, packets);
  }

  get pending(): number {
    return this.#packets + this.#sentPackets;
  }

  /** True if no write is prepared or submitted without a report. */
  get idle(): boolean {
    return this.#frames === 0 && this.#sentFrames === 0;
  }

  close(): void {
    this.#closed(this);
    this.#active.remove(this);
  }

  #prepare(
    opcode: number,
    address: bigint,
    length: number,
    packets: number,
    bytes: number,
  ): void {
    this.#active.add(this);
    this.#frames++;
    this.#packets += packets;
    this.#bytes += bytes;
    const detail = packets << BYTES_BITS | bytes;
    prepareWrite(
      this.#ring,
      opcode,
      this.#fd,
      address,
      length,
      this.tag,
      detail,
    );
  }
}
