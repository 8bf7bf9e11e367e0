/** A multishot read: the kernel fills slots that it was lent, one frame each, until it has none left. */

import { Errno } from "../../base/errno.ts";
import {
  FrameBatch,
  type FrameMemory,
  type FrameReader,
  type FrameSink,
} from "../frames.ts";
import type { ProvidedBuffers } from "./buffer_group.ts";
import { CQE_MORE, type Operation, type Ring } from "./ring.ts";

/** Opcode of the read; Linux 6.7 has it. */
export const READ_MULTISHOT = 49;
const BUFFER_SELECT = 1 << 5 << 8;
const CQE_BUFFER_SHIFT = 16;
/** Frames of a batch. */
const BATCH_FRAMES = 64;

/** What a reader works with. */
export interface UringReaderParts {
  readonly ring: Ring;
  readonly fd: number;
  readonly tag: number;
  readonly memory: FrameMemory;
  readonly group: ProvidedBuffers;
  readonly sink: FrameSink;
  /** Takes the reader out of the reactor, and its read out of the ring if it is there. */
  readonly stopped: (reader: UringReader) => void;
}

/** See above. */
export class UringReader implements FrameReader, Operation {
  readonly tag: number;
  /** True while the read is in the ring. */
  armed = false;
  readonly #parts: UringReaderParts;
  readonly #batch = new FrameBatch(BATCH_FRAMES);
  #ended = false;

  constructor(parts: UringReaderParts) {
    this.#parts = parts;
    this.tag = parts.tag;
  }

  /** Prepares the read anew where it has ended and there are slots for it. */
  arm(): void {
    const { ring, fd, group } = this.#parts;
    if (this.armed || this.#ended || group.available === 0) return;
    const at = ring.prepare();
    const { words } = ring;
    words[at] = READ_MULTISHOT | BUFFER_SELECT;
    words[at + 1] = fd;
    words[at + 2] = 0xffffffff;
    words[at + 3] = 0xffffffff;
    words[at + 8] = this.tag;
    words[at + 10] = group.id;
    this.armed = true;
  }

  complete(result: number, flags: number): void {
    if (!(flags & CQE_MORE)) this.armed = false;
    if (result > 0) {
      const { group, memory } = this.#parts;
      const slot = flags >>> CQE_BUFFER_SHIFT;
      group.taken();
      memory.takeLent(slot);
      this.#batch.add(slot, result);
      if (this.#batch.full) this.handUp();
    } else if (
      result < 0 && result !== -Errno.ENOBUFS && result !== -Errno.ECANCELED &&
      !this.#ended
    ) {
      this.#ended = true;
      this.#parts.sink.onEnd(-result);
    }
  }

  /** Hands up what has been read. */
  handUp(): void {
    const batch = this.#batch;
    if (batch.count === 0) return;
    this.#parts.sink.onFrames(batch);
    batch.count = 0;
  }

  /** What is lent anew is read into with the next wait. */
  resume(): void {}

  stop(): void {
    this.#ended = true;
    this.#parts.stopped(this);
  }
}
