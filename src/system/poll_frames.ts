/** Reads and writes frames immediately, with one system call per frame. */

import { errnoCell, libc } from "../../ffi/libc.ts";
import { Errno } from "../base/errno.ts";
import {
  FrameBatch,
  type FrameMemory,
  type FrameReader,
  type FrameSink,
  type FrameWriter,
  type GatheredFrame,
  type WriteResults,
} from "./frames.ts";
import { endsReading, type PauseTimers, ReadPause } from "./read_pause.ts";
import type { Watch } from "./reactor.ts";

/** Maximum frames per batch. Small, so that the frames are still in the CPU cache when they are sent. */
const BATCH_FRAMES = 16;
/** Maximum batches per turn. */
const BATCHES = 2;

/** See {@linkcode FrameReader}. While there is no free slot, and after a failed read, the reader disables its watch. */
export class PollFrameReader implements FrameReader {
  readonly #libc = libc();
  readonly #errno = errnoCell();
  readonly #fd: number;
  readonly #memory: FrameMemory;
  readonly #sink: FrameSink;
  readonly #batch = new FrameBatch(BATCH_FRAMES);
  readonly #watch: Watch;
  readonly #pause: ReadPause;
  /** True while the watch is disabled because there was no free slot. */
  #starved = false;
  #ended = false;

  /** @param watch watches the descriptor */
  constructor(
    fd: number,
    memory: FrameMemory,
    sink: FrameSink,
    watch: (ready: () => void) => Watch,
    timers: PauseTimers,
  ) {
    this.#fd = fd;
    this.#memory = memory;
    this.#sink = sink;
    this.#watch = watch(() => this.#read());
    this.#pause = new ReadPause(timers, () => this.#continue());
  }

  resume(): void {
    if (!this.#starved) return;
    this.#starved = false;
    this.#continue();
  }

  stop(): void {
    this.#ended = true;
    this.#pause.close();
    this.#watch.close();
  }

  #continue(): void {
    if (this.#starved || this.#pause.active || this.#ended) return;
    this.#watch.enable(true);
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

  /** Fills the batch. Returns false if no frame or no slot is left. */
  #fill(batch: FrameBatch): boolean {
    const memory = this.#memory;
    while (!batch.full) {
      const slot = memory.reserve();
      if (slot < 0) {
        this.#starved = true;
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
          this.#fail(why);
        }
        return false;
      }
      batch.add(slot, length);
    }
    return true;
  }

  /** Handles a failed read. The descriptor may stay ready. */
  #fail(errno: number): void {
    if (this.#ended) return;
    this.#watch.enable(false);
    if (endsReading(errno)) {
      this.#ended = true;
      this.#sink.onEnd(errno);
    } else {
      this.#pause.start();
      this.#sink.onFailed(errno);
    }
  }
}

/** See {@linkcode FrameWriter}. */
export class PollFrameWriter implements FrameWriter {
  /** `write` has its result at once. */
  readonly pending = 0;
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
    if (taken >= 0) this.#results.onWritten(1, length, 1);
    else this.#results.onRefused(this.#errno[0]!, 1);
  }

  writeGathered({ vectors, pieces, packets, bytes }: GatheredFrame): void {
    const taken = this.#libc.writev(this.#fd, vectors, pieces);
    if (taken >= 0) this.#results.onWritten(1, bytes, packets);
    else this.#results.onRefused(this.#errno[0]!, packets);
  }

  /** Does nothing: `write` leaves nothing pending. */
  close(): void {}
}
