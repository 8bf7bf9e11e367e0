/** Frames read and written by a call each, at once. */

import { errnoCell, libc } from "../../ffi/libc.ts";
import { Errno } from "../base/errno.ts";
import {
  FrameBatch,
  type FrameMemory,
  type FrameReader,
  type FrameSink,
  type FrameWriter,
  type WriteResults,
} from "./frames.ts";
import type { Watch } from "./reactor.ts";

/** Frames of a batch: few, so that their slots are still in the cache when they are sent. */
const BATCH_FRAMES = 16;
/** Batches before other work has its turn. */
const BATCHES = 2;

/** See {@linkcode FrameReader}. Slots that are not there are waited for: the descriptor is left alone meanwhile. */
export class PollFrameReader implements FrameReader {
  readonly #libc = libc();
  readonly #errno = errnoCell();
  readonly #fd: number;
  readonly #memory: FrameMemory;
  readonly #sink: FrameSink;
  readonly #batch = new FrameBatch(BATCH_FRAMES);
  readonly #watch: Watch;
  #ended = false;

  /** @param watch how the descriptor is watched */
  constructor(
    fd: number,
    memory: FrameMemory,
    sink: FrameSink,
    watch: (ready: () => void) => Watch,
  ) {
    this.#fd = fd;
    this.#memory = memory;
    this.#sink = sink;
    this.#watch = watch(() => this.#read());
  }

  resume(): void {
    if (!this.#ended) this.#watch.enable(true);
  }

  stop(): void {
    this.#ended = true;
    this.#watch.close();
  }

  #read(): void {
    const batch = this.#batch;
    for (let i = 0; i < BATCHES; i++) {
      batch.count = 0;
      const more = this.#fill(batch);
      if (batch.count > 0) this.#sink.onFrames(batch);
      if (!more) return;
    }
  }

  /** False if there is nothing more to read, or nothing to read it into. */
  #fill(batch: FrameBatch): boolean {
    const memory = this.#memory;
    while (!batch.full) {
      const slot = memory.reserve();
      if (slot < 0) {
        this.#watch.enable(false);
        return false;
      }
      const length = this.#libc.readAt(
        this.#fd,
        memory.vnetAddress[slot]!,
        memory.frameCapacity,
      );
      if (length <= 0) {
        const why = this.#errno[0]!;
        memory.unreserve(slot);
        if (length < 0 && why !== Errno.EAGAIN && why !== Errno.EINTR) {
          this.#end(why);
        }
        return false;
      }
      batch.add(slot, length);
    }
    return true;
  }

  /** The descriptor would be "ready" for ever. */
  #end(why: number): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#watch.enable(false);
    this.#sink.onEnd(why);
  }
}

/** See {@linkcode FrameWriter}. */
export class PollFrameWriter implements FrameWriter {
  readonly #libc = libc();
  readonly #errno = errnoCell();
  readonly #fd: number;
  readonly #results: WriteResults;

  constructor(fd: number, results: WriteResults) {
    this.#fd = fd;
    this.#results = results;
  }

  write(address: bigint, length: number): void {
    const taken = this.#libc.writeAt(this.#fd, address, length);
    if (taken >= 0) this.#results.onWritten(1, length);
    else this.#results.onRefused(this.#errno[0]!);
  }

  /** Each write was over when it returned. */
  close(): void {}
}
