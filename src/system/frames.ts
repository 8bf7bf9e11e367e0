/**
 * Frames in and out of a descriptor: the same for every reactor.
 *
 * A reader takes slots of a memory that it is given, reads a frame into each, and hands the filled ones up in batches.
 * A writer takes frames from where they lie and says later what became of them: a reactor that writes with its next wait
 * does not know before.
 */

/** Free slots that the kernel reads into by itself, while they are lent to it. */
export interface LentSlots {
  /** How many the kernel has. */
  readonly available: number;
  /** Lends one more. */
  add(slot: number): void;
}

/** Memory that frames are read into, in slots. */
export interface FrameMemory {
  /** Where each slot's frame begins; a table, because a BigInt made per call would be allocated. */
  readonly vnetAddress: readonly bigint[];
  /** Bytes of the longest frame. */
  readonly frameCapacity: number;
  /** Takes a free slot, or -1 when there is none. */
  reserve(): number;
  /** Gives a reserved slot back. */
  unreserve(slot: number): void;
  /** Lends free slots from now on: the borrower gets what becomes free, but for some that stay for `reserve`. */
  lendTo(borrower: LentSlots): void;
  /** A lent slot was filled: it counts as reserved from now on. */
  takeLent(slot: number): void;
}

/** Frames that were read, in arrays that are filled again for each batch. */
export class FrameBatch {
  count = 0;
  readonly slot: Int32Array;
  /** Bytes of each frame. */
  readonly length: Int32Array;

  constructor(capacity: number) {
    this.slot = new Int32Array(capacity);
    this.length = new Int32Array(capacity);
  }

  /** True if no frame more fits. */
  get full(): boolean {
    return this.count === this.slot.length;
  }

  add(slot: number, length: number): void {
    this.slot[this.count] = slot;
    this.length[this.count++] = length;
  }
}

/** Reads frames until it is stopped. */
export interface FrameReader {
  /** Slots are free again after there were none. */
  resume(): void;
  stop(): void;
}

/** Whom a reader tells. */
export interface FrameSink {
  /** Frames were read; their slots are the callee's, the batch is the reader's. */
  onFrames(batch: FrameBatch): void;
  /** Reading ended with a positive errno. */
  onEnd(errno: number): void;
}

/** Writes frames. */
export interface FrameWriter {
  /** Writes `length` bytes at `address`, which must stay as they are until the reactor's next wait is over. */
  write(address: bigint, length: number): void;
  /** Nothing is written from now on. */
  close(): void;
}

/** Whom a writer tells. */
export interface WriteResults {
  /** So many frames of so many bytes in all were taken. */
  onWritten(frames: number, bytes: number): void;
  /** A frame was refused with a positive errno. */
  onRefused(errno: number): void;
}
