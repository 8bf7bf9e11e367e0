/** Multishot reads: the kernel fills lent slots, one frame each, until it has no slot left or a read fails. */

import { Errno } from "../../base/errno.ts";
import type { Pending, PendingList } from "../../base/pending_list.ts";
import {
  FrameBatch,
  type FrameMemory,
  type FrameReader,
  type FrameSink,
} from "../frames.ts";
import { endsReading, type PauseTimers, ReadPause } from "../read_pause.ts";
import type { ProvidedBuffers } from "./buffer_group.ts";
import { CQE_MORE, type Operation, type Ring } from "./ring.ts";

/** Opcode IORING_OP_READ_MULTISHOT, since Linux 6.7. */
export const READ_MULTISHOT = 49;
const BUFFER_SELECT = 1 << 5 << 8;
const CQE_BUFFER_SHIFT = 16;
/** Maximum frames per batch. */
const BATCH_FRAMES = 64;

export interface UringReaderParts {
  readonly ring: Ring;
  readonly fd: number;
  readonly tag: number;
  readonly memory: FrameMemory;
  readonly group: ProvidedBuffers;
  readonly sink: FrameSink;
  readonly timers: PauseTimers;
  /** List of the readers to arm or to deliver. */
  readonly active: PendingList<UringReader>;
  /** Cancels the reader's read, which is in progress. */
  readonly cancel: (reader: UringReader) => void;
  /** Removes the reader, which has ended and gets no further completion, from the reactor. */
  readonly ended: (reader: UringReader) => void;
}

/** A {@linkcode FrameReader} with one multishot read. */
export class UringReader implements FrameReader, Operation, Pending {
  /** True while the reader may have a read to prepare, or frames to deliver. */
  dirty = false;
  readonly tag: number;
  /** True while the read is prepared or in progress. */
  armed = false;
  readonly #parts: UringReaderParts;
  readonly #batch = new FrameBatch(BATCH_FRAMES);
  readonly #pause: ReadPause;
  #ended = false;
  /** True while the sink, which owns the slots of the batch, takes it. */
  #delivering = false;

  constructor(parts: UringReaderParts) {
    this.#parts = parts;
    this.tag = parts.tag;
    this.#pause = new ReadPause(parts.timers, () => parts.active.add(this));
    parts.active.add(this);
  }

  /** Prepares a read if none is in progress, the kernel has slots, and the last read did not fail just before. */
  arm(): void {
    const { ring, fd, group } = this.#parts;
    if (this.armed || this.#ended || this.#pause.active) return;
    if (group.available === 0) return;
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
    if (!this.#ended) this.#parts.active.add(this);
    if (!(flags & CQE_MORE)) this.armed = false;
    if (result > 0) {
      const { group, memory } = this.#parts;
      const slot = flags >>> CQE_BUFFER_SHIFT;
      group.taken();
      memory.takeLent(slot);
      if (this.#ended) {
        memory.unreserve(slot);
      } else {
        this.#batch.add(slot, result);
        if (this.#batch.full) this.deliver();
      }
    } else if (result < 0 && !this.#ended && !isTransient(-result)) {
      this.#fail(-result);
    }
    if (this.#ended && !this.armed) this.#parts.ended(this);
  }

  #fail(errno: number): void {
    const { sink } = this.#parts;
    if (endsReading(errno)) {
      this.#ended = true;
      sink.onEnd(errno);
    } else {
      this.#pause.start();
      sink.onFailed(errno);
    }
  }

  /** Delivers the batch to the sink. */
  deliver(): void {
    const batch = this.#batch;
    if (batch.count === 0) return;
    this.#delivering = true;
    this.#parts.sink.onFrames(batch);
    this.#delivering = false;
    batch.count = 0;
  }

  /** Does nothing: the next wait prepares a read once slots are lent. */
  resume(): void {}

  stop(): void {
    this.#ended = true;
    this.#pause.close();
    const { active, cancel, ended } = this.#parts;
    active.remove(this);
    if (!this.#delivering) this.#drop();
    if (this.armed) cancel(this);
    else ended(this);
  }

  /** Frees the slots of frames that are not delivered. */
  #drop(): void {
    const batch = this.#batch;
    for (let i = 0; i < batch.count; i++) {
      this.#parts.memory.unreserve(batch.slot[i]!);
    }
    batch.count = 0;
  }
}

/** Returns true if a read ended because there was no slot, or it was cancelled or interrupted: that is no failure. */
function isTransient(errno: number): boolean {
  return errno === Errno.ENOBUFS || errno === Errno.ECANCELED ||
    errno === Errno.EINTR;
}
