/**
 * Frames read from and written to a descriptor, with the same interfaces for every reactor.
 *
 * A reader reads frames into slots of a {@linkcode FrameMemory} and delivers the filled slots in batches. A writer
 * writes frames in place, without copying them. It reports results to {@linkcode WriteResults}, because a reactor may
 * submit the writes only with its next wait.
 */

/** Free slots lent to the kernel, which reads frames into them. */
export interface LentSlots {
  /** Number of slots that are lent and not filled. */
  readonly available: number;
  /** Lends a slot. */
  add(slot: number): void;
}

/** Memory with slots, into which frames are read. */
export interface FrameMemory {
  /** Address of each slot's frame. A table, because computing a BigInt allocates memory. */
  readonly vnetAddress: readonly bigint[];
  /** Maximum length of a frame in bytes. */
  readonly frameCapacity: number;
  /** Reserves a free slot and returns it, or -1 if there is none. */
  reserve(): number;
  /** Frees a reserved slot. */
  unreserve(slot: number): void;
  /** Lends free slots to `borrower`, now and as they become free. The memory may hold some back for `reserve`. */
  lendTo(borrower: LentSlots): void;
  /** Marks a lent slot, which the kernel has filled, as reserved. */
  takeLent(slot: number): void;
}

/** A batch of received frames, in arrays that are reused for each batch. */
export class FrameBatch {
  count = 0;
  readonly slot: Int32Array;
  /** Bytes of each frame. */
  readonly length: Int32Array;

  constructor(capacity: number) {
    this.slot = new Int32Array(capacity);
    this.length = new Int32Array(capacity);
  }

  /** True if the batch has no space for another frame. */
  get full(): boolean {
    return this.count === this.slot.length;
  }

  add(slot: number, length: number): void {
    this.slot[this.count] = slot;
    this.length[this.count++] = length;
  }
}

/** Reads frames until it is stopped or a read fails. */
export interface FrameReader {
  /** Continues reading. Called when slots are free again after `reserve` failed. */
  resume(): void;
  stop(): void;
}

/** Receives the frames of a reader. */
export interface FrameSink {
  /** Receives frames and takes ownership of their slots. The reader reuses the batch after the call. */
  onFrames(batch: FrameBatch): void;
  /** Called once if a read failed, with a positive errno. */
  onEnd(errno: number): void;
}

/** Writes frames. */
export interface FrameWriter {
  /** Number of frames of `write` without a result. */
  readonly pending: number;
  /** Writes `length` bytes at `address`. The bytes must not change before the end of the reactor's next wait. */
  write(address: bigint, length: number): void;
  /** Ends the writer. `write` must not be called afterwards. */
  close(): void;
}

/** Receives the results of a writer. */
export interface WriteResults {
  /** Called with the number of frames written and their total length in bytes. */
  onWritten(frames: number, bytes: number): void;
  /** Called for each frame that could not be written, with a positive errno. */
  onRefused(errno: number): void;
}
