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

/** Reads frames until it is stopped, or the descriptor is closed or its device deleted. */
export interface FrameReader {
  /** Continues reading. Called when slots are free again after `reserve` failed. */
  resume(): void;
  stop(): void;
}

/** Receives the frames of a reader. */
export interface FrameSink {
  /** Receives frames and takes ownership of their slots. The reader reuses the batch after the call. */
  onFrames(batch: FrameBatch): void;
  /** Called for each failed read that is repeated after a pause, with a positive errno. */
  onFailed(errno: number): void;
  /** Called once if a read failed because the descriptor is closed or its device deleted, with a positive errno. */
  onEnd(errno: number): void;
}

/** Maximum number of pieces of a {@linkcode GatheredFrame}. */
export const MAX_PIECES = 64;
/** Bytes of a struct iovec: address and length, 64 bits each. */
export const IOVEC_LENGTH = 16;
/** 32-bit words of a struct iovec. */
export const IOVEC_WORDS = IOVEC_LENGTH / 4;

/**
 * A frame in pieces, which a writer writes as one (writev(2)). It stands for several packets. Reused for each frame.
 */
export class GatheredFrame {
  /** The pieces, as an array of struct iovec; those before `pieces` are valid. */
  readonly vectors: Uint8Array<ArrayBuffer> = new Uint8Array(
    MAX_PIECES * IOVEC_LENGTH,
  );
  /** The same memory as 32-bit words. */
  readonly words: Uint32Array = new Uint32Array(this.vectors.buffer);
  readonly #quads = new BigUint64Array(this.vectors.buffer);
  /** Number of pieces. */
  pieces = 0;
  /** Number of packets that the frame stands for, and the bytes that they would have as separate frames. */
  packets = 0;
  bytes = 0;

  /** Removes all pieces. */
  clear(): void {
    this.pieces = 0;
    this.packets = 0;
    this.bytes = 0;
  }

  /** Appends the `length` bytes at `address + offset`. The frame must have less than MAX_PIECES pieces. */
  add(address: bigint, offset: number, length: number): void {
    const { words } = this;
    const at = this.pieces++ * IOVEC_WORDS;
    this.#quads[at >> 1] = address;
    // In halves, because the sum of two BigInts allocates.
    const low = words[at]! + offset;
    words[at] = low;
    if (low > 0xffffffff) words[at + 1]!++;
    words[at + 2] = length;
  }
}

/** Writes frames. */
export interface FrameWriter {
  /** Number of packets in frames whose write has no result yet. */
  readonly pending: number;
  /** Writes `length` bytes at `address`. The bytes must not change before the end of the reactor's next wait. */
  write(address: bigint, length: number): void;
  /**
   * Writes the pieces of a frame as one frame. Their bytes must not change before the end of the reactor's next wait;
   * `frame` itself may be reused immediately.
   */
  writeGathered(frame: GatheredFrame): void;
  /** Ends the writer. `write` must not be called afterwards. */
  close(): void;
}

/** Receives the results of a writer. */
export interface WriteResults {
  /**
   * Called with the number of frames written, and the bytes and the number of the packets that they stand for
   * ({@linkcode GatheredFrame.bytes}).
   */
  onWritten(frames: number, bytes: number, packets: number): void;
  /**
   * Called for each frame that could not be written, with a positive errno and the number of packets that the frame
   * stands for: 1 unless it was gathered.
   */
  onRefused(errno: number, packets: number): void;
}
