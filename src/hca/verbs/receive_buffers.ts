/**
 * The buffers of one receive queue of the device: that of a UD queue pair, a shared receive queue (SRQ), or that of an
 * RC queue pair. They are posted as a chain. The ID of a work request names the set of buffers and the buffer.
 */

import type { BoundCall } from "../../../ffi/libffi.ts";
import { IbvContext } from "../../../ffi/verbs_layout.ts";
import { Count, type VerbsCounters } from "./counters.ts";
import type { OperationBinder } from "./device.ts";
import { NativeMemory, type Registrar } from "./memory.ts";
import { type BufferFormat, ReceiveMemory } from "./receive_memory.ts";

/** Number of bits of a buffer in the ID of a work request; the bits above are the set. */
export const BUFFER_BITS = 16;

/** Options of {@linkcode ReceiveBuffers}. */
export interface ReceiveBuffersOptions {
  /** `struct ibv_pd *`. */
  readonly pd: bigint;
  /** `struct ibv_qp *` or `struct ibv_srq *`. */
  readonly queue: bigint;
  /** Number of the set. */
  readonly set: number;
  /** Number of buffers. */
  readonly buffers: number;
  readonly format: BufferFormat;
  /** True if the queue is an SRQ, which outlives the errors of the queue pairs that receive from it. */
  readonly shared: boolean;
}

/** See the comment at the top of this file. */
export class ReceiveBuffers {
  /** Called with a positive errno when the device refuses buffers, unless {@linkcode failed} is set already. */
  onRefused: (errno: number) => void = () => {};
  /** True after a failed completion or post, until {@linkcode postAll}. */
  failed = false;
  readonly memory: ReceiveMemory;
  /** Offset in a buffer at which the device writes a message. */
  readonly offset: number;
  /** Number of posted buffers that have no completion. */
  outstanding = 0;
  readonly #shared: boolean;
  readonly #counted: Float64Array;
  readonly #bad: NativeMemory;
  readonly #post: BoundCall;
  /** The chain of released buffers to post: its first and last buffer, -1 if empty, and its length. */
  #first = -1;
  #last = -1;
  #chained = 0;
  /** 1 for each buffer that the engine holds, and their number. */
  readonly #held: Uint8Array;
  #heldCount = 0;
  #retired = false;

  /** Throws `E_MEMLOCK` or `E_VERBS` if the buffers cannot be registered, or the errors of {@linkcode NativeMemory}. */
  constructor(
    device: OperationBinder & { readonly library: Registrar },
    options: ReceiveBuffersOptions,
    counters: VerbsCounters,
  ) {
    const { pd, queue, set, buffers, format, shared } = options;
    using parts = new DisposableStack();
    const firstId = set << BUFFER_BITS;
    this.memory = parts.adopt(
      new ReceiveMemory(device.library, pd, buffers, format, firstId),
      (memory) => memory.close(),
    );
    this.#bad = parts.adopt(new NativeMemory(8), (memory) => memory.close());
    this.offset = format.offset;
    this.#shared = shared;
    this.#held = new Uint8Array(buffers);
    this.#counted = counters.values;
    const operation = shared ? IbvContext.PostSrqRecv : IbvContext.PostRecv;
    this.#post = device.bind(operation, [queue, 0n, this.#bad.address]);
    parts.move();
  }

  /** True if released buffers are not posted yet. */
  get unposted(): boolean {
    return this.#first >= 0;
  }

  /** True after {@linkcode retire} once the engine holds no buffer. */
  get unused(): boolean {
    return this.#retired && this.#heldCount === 0;
  }

  /**
   * Posts every buffer that the engine does not hold. Called at the start and after a reset. Returns 0, or the positive
   * errno with which the device refuses some of them.
   */
  postAll(): number {
    this.#first = -1;
    this.#chained = 0;
    this.failed = false;
    for (let i = 0; i < this.memory.buffers; i++) {
      if (!this.#held[i]) this.append(i);
    }
    return this.repost();
  }

  /** Posts the released buffers. Returns 0, or the positive errno with which the device refuses some of them. */
  repost(): number {
    if (this.#first < 0) return 0;
    const { requestLow, requestHigh } = this.memory;
    this.#post.set(1, requestLow[this.#first]!, requestHigh[this.#first]!);
    this.#first = -1;
    // Refused buffers count as posted until a recovery abandons them and posts them again, or the queue is destroyed.
    this.outstanding += this.#chained;
    this.#counted[Count.ReceivesPosted]! += this.#chained;
    this.#chained = 0;
    const errno = Math.abs(this.#post.call());
    if (errno !== 0 && !this.failed) {
      this.failed = true;
      this.onRefused(errno);
    }
    return errno;
  }

  /** The engine takes a buffer whose request has completed, until it is appended again. */
  hold(buffer: number): void {
    this.#held[buffer] = 1;
    this.#heldCount++;
  }

  /** The request of a buffer has failed. Other queues than an SRQ accept no request until their queue pair is reset. */
  fail(buffer: number): void {
    if (this.#shared) this.append(buffer);
    else this.failed = true;
  }

  /** Appends a released buffer to the chain. */
  append(buffer: number): void {
    if (this.#held[buffer] !== 0) {
      this.#held[buffer] = 0;
      this.#heldCount--;
    }
    if (this.#retired) return;
    this.#chained++;
    this.memory.link(buffer, -1);
    if (this.#first < 0) this.#first = buffer;
    else this.memory.link(this.#last, buffer);
    this.#last = buffer;
  }

  /** The queue no longer exists: its outstanding requests are abandoned, and nothing is posted any more. */
  retire(): void {
    this.abandon();
    this.#retired = true;
    this.#first = -1;
    this.#chained = 0;
  }

  /** Counts the outstanding requests as abandoned. */
  abandon(): void {
    this.#counted[Count.ReceivesAbandoned]! += this.outstanding;
    this.outstanding = 0;
  }

  close(): void {
    this.abandon();
    this.memory.close();
    this.#bad.close();
  }
}
