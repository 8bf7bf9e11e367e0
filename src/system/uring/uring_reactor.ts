/**
 * The reactor over io_uring: TAP reads that go on by themselves, TAP writes, doorbells and waiting, in one system call
 * a turn.
 *
 * Needs Linux 6.7 (multishot reads) and a system that allows io_uring: see {@linkcode openUringReactor}.
 */

import type { Clock } from "../../base/clock.ts";
import { IpoibError } from "../../base/errors.ts";
import { addressOf } from "../../../ffi/libc.ts";
import {
  FrameBatch,
  type FrameMemory,
  type FrameReader,
  type FrameSink,
  type FrameWriter,
  type WriteResults,
} from "../frames.ts";
import type { Watch } from "../reactor.ts";
import { ReactorBase } from "../reactor_base.ts";
import { ProvidedBuffers } from "./buffer_group.ts";
import { type Completion, NO_WAIT, Ring } from "./ring.ts";

const ENTRIES = 512;
const Op = {
  PollAdd: 6,
  PollRemove: 7,
  AsyncCancel: 14,
  Write: 23,
  ReadMultishot: 49,
} as const;
const SQE_BUFFER_SELECT = 1 << 5 << 8;
const SQE_SKIP_SUCCESS = 1 << 6 << 8;
const POLLIN = 1;
const POLL_MULTISHOT = 1;
const CQE_MORE = 2;
const CQE_BUFFER_SHIFT = 16;
const ENOBUFS = 105;
const ECANCELED = 125;
const NOBODY = 0;

/** Frames of a batch. */
const BATCH = 64;

/** A multishot read and its place in the ring. */
interface Reader {
  readonly fd: number;
  readonly group: ProvidedBuffers;
  readonly tag: number;
  readonly sink: FrameSink;
  readonly batch: FrameBatch;
  armed: boolean;
  ended: boolean;
}

/** Writes whose results are not known yet: those that were prepared, and those that the last wait has given to the kernel. */
interface Writer {
  readonly results: WriteResults;
  frames: number;
  bytes: number;
  sentFrames: number;
  sentBytes: number;
}

/** A descriptor that is polled again after each time it was ready. */
interface Polled {
  readonly fd: number;
  readonly tag: number;
  readonly multishot: boolean;
  armed: boolean;
  on: boolean;
}

/** See above. */
export class UringReactor extends ReactorBase {
  override readonly writesLater = true;
  readonly #ring: Ring;
  /** By tag. */
  readonly #handlers: (Completion | undefined)[] = [undefined];
  readonly #readers: Reader[] = [];
  readonly #polled: Polled[] = [];
  readonly #writers: Writer[] = [];
  readonly #groups: ProvidedBuffers[] = [];
  readonly #groupsOf = new Map<FrameMemory, ProvidedBuffers>();
  readonly #one = new Uint8Array(new BigUint64Array([1n]).buffer);
  readonly #oneAddress = addressOf(this.#one);
  readonly #take = (
    tag: number,
    result: number,
    flags: number,
    detail: number,
  ) => this.#handlers[tag]?.(result, flags, detail);
  #nextTag = NOBODY + 1;

  constructor(ring: Ring, clock?: Clock) {
    super(clock);
    this.#ring = ring;
    this.watchFast(this.slow.fd, () => this.slow.dispatch());
  }

  override readFrames(
    fd: number,
    memory: FrameMemory,
    sink: FrameSink,
  ): FrameReader {
    const group = this.#groupOf(memory);
    const reader: Reader = {
      fd,
      group,
      tag: this.#nextTag++,
      sink,
      batch: new FrameBatch(BATCH),
      armed: false,
      ended: false,
    };
    this.#handlers[reader.tag] = (result, flags) => {
      if (!(flags & CQE_MORE)) reader.armed = false;
      if (result > 0) {
        const slot = flags >>> CQE_BUFFER_SHIFT;
        group.taken();
        memory.takeLent(slot);
        reader.batch.add(slot, result);
        if (reader.batch.full) handUp(reader);
      } else if (
        result < 0 && result !== -ENOBUFS && result !== -ECANCELED &&
        !reader.ended
      ) {
        reader.ended = true;
        sink.onEnd(-result);
      }
    };
    this.#readers.push(reader);
    // What is lent anew is read into with the next wait.
    return { resume: () => {}, stop: () => this.#stop(reader) };
  }

  override frameWriter(fd: number, results: WriteResults): FrameWriter {
    const tag = this.#nextTag++;
    const writer: Writer = {
      results,
      frames: 0,
      bytes: 0,
      sentFrames: 0,
      sentBytes: 0,
    };
    this.#writers.push(writer);
    this.#handlers[tag] = (result, _flags, length) => {
      if (result >= 0) return;
      writer.sentFrames--;
      writer.sentBytes -= length;
      results.onRefused(-result);
    };
    return {
      write: (address, length) => {
        writer.frames++;
        writer.bytes += length;
        this.#write(fd, address, length, tag);
      },
    };
  }

  #write(fd: number, address: bigint, length: number, tag: number): void {
    const at = this.#ring.prepare();
    const { words, quads } = this.#ring;
    words[at] = Op.Write | SQE_SKIP_SUCCESS;
    words[at + 1] = fd;
    words[at + 2] = 0xffffffff;
    words[at + 3] = 0xffffffff;
    quads[(at + 4) >> 1] = address;
    words[at + 6] = length;
    words[at + 8] = tag;
    words[at + 9] = length;
  }

  override signal(fd: number): void {
    this.#write(fd, this.#oneAddress, 8, NOBODY);
  }

  override submit(): void {
    while (!this.#ring.allSubmitted) this.#ring.enter(NO_WAIT);
  }

  /** Polled on and on, never read: the count of an eventfd does not have to be taken for the next ring to be seen. */
  override watchBell(fd: number): Watch {
    return this.#watch(fd, () => {}, true);
  }

  protected override watchFast(fd: number, ready: () => void): Watch {
    return this.#watch(fd, ready, false);
  }

  protected override wait(): void {
    for (let i = 0; i < this.#groups.length; i++) this.#groups[i]!.commit();
    for (let i = 0; i < this.#writers.length; i++) send(this.#writers[i]!);
    for (let i = 0; i < this.#readers.length; i++) {
      const reader = this.#readers[i]!;
      if (!reader.armed && !reader.ended && reader.group.available > 0) {
        this.#armReader(reader);
      }
    }
    for (let i = 0; i < this.#polled.length; i++) {
      const polled = this.#polled[i]!;
      if (!polled.armed && polled.on) this.#armPoll(polled);
    }
    this.#ring.enter(this.span);
    // What was written must have been taken when this returns: its memory is given back then.
    this.submit();
  }

  protected override dispatch(): void {
    this.#ring.harvest(this.#take);
    for (let i = 0; i < this.#writers.length; i++) settle(this.#writers[i]!);
    for (let i = 0; i < this.#readers.length; i++) {
      const reader = this.#readers[i]!;
      if (reader.batch.count > 0) handUp(reader);
    }
  }

  protected override close(): void {
    this.#handlers.length = 0;
    this.#ring.close();
    for (const group of this.#groups) group.close();
  }

  /** The slots that a memory lends: one group, however many descriptors are read into it. */
  #groupOf(memory: FrameMemory): ProvidedBuffers {
    let group = this.#groupsOf.get(memory);
    if (!group) {
      group = new ProvidedBuffers(
        this.#ring,
        this.#groups.length,
        memory.vnetAddress,
        memory.frameCapacity,
      );
      this.#groups.push(group);
      this.#groupsOf.set(memory, group);
      memory.lendTo(group);
    }
    return group;
  }

  #watch(fd: number, ready: () => void, multishot: boolean): Watch {
    const polled: Polled = {
      fd,
      tag: this.#nextTag++,
      multishot,
      armed: false,
      on: true,
    };
    this.#handlers[polled.tag] = (result, flags) => {
      if (!(flags & CQE_MORE)) polled.armed = false;
      if (result >= 0 && polled.on) ready();
    };
    this.#polled.push(polled);
    return {
      enable: (on) => {
        if (polled.on === on) return;
        polled.on = on;
        if (!on && polled.armed) this.#cancel(Op.PollRemove, polled.tag);
      },
      close: () => {
        const at = this.#polled.indexOf(polled);
        if (at < 0) return;
        this.#polled.splice(at, 1);
        polled.on = false;
        this.#handlers[polled.tag] = undefined;
        if (polled.armed) this.#cancel(Op.PollRemove, polled.tag);
      },
    };
  }

  #stop(reader: Reader): void {
    const at = this.#readers.indexOf(reader);
    if (at < 0) return;
    this.#readers.splice(at, 1);
    reader.ended = true;
    // Now and not with the next wait: the descriptor is about to be closed.
    if (reader.armed) {
      this.#cancel(Op.AsyncCancel, reader.tag);
      this.submit();
    }
  }

  #cancel(opcode: number, tag: number): void {
    const at = this.#ring.prepare();
    const { words } = this.#ring;
    words[at] = opcode | SQE_SKIP_SUCCESS;
    words[at + 1] = 0xffffffff;
    words[at + 4] = tag;
    words[at + 8] = NOBODY;
  }

  #armReader(reader: Reader): void {
    const at = this.#ring.prepare();
    const { words } = this.#ring;
    words[at] = Op.ReadMultishot | SQE_BUFFER_SELECT;
    words[at + 1] = reader.fd;
    words[at + 2] = 0xffffffff;
    words[at + 3] = 0xffffffff;
    words[at + 8] = reader.tag;
    words[at + 10] = reader.group.id;
    reader.armed = true;
  }

  #armPoll(polled: Polled): void {
    const at = this.#ring.prepare();
    const { words } = this.#ring;
    words[at] = Op.PollAdd;
    words[at + 1] = polled.fd;
    words[at + 6] = polled.multishot ? POLL_MULTISHOT : 0;
    words[at + 7] = POLLIN;
    words[at + 8] = polled.tag;
    polled.armed = true;
  }
}

function handUp({ batch, sink }: Reader): void {
  sink.onFrames(batch);
  batch.count = 0;
}

/** What was prepared goes to the kernel now. */
function send(writer: Writer): void {
  writer.sentFrames += writer.frames;
  writer.sentBytes += writer.bytes;
  writer.frames = 0;
  writer.bytes = 0;
}

/** What the kernel had, and did not refuse, was taken. */
function settle(writer: Writer): void {
  const { sentFrames, sentBytes, results } = writer;
  // Below zero: the ring was full, so that one was refused before its turn.
  if (sentFrames <= 0) return;
  writer.sentFrames = 0;
  writer.sentBytes = 0;
  results.onWritten(sentFrames, sentBytes);
}

/** A reactor on io_uring; throws `E_URING` where the kernel is too old or io_uring is forbidden. */
export function openUringReactor(clock?: Clock): UringReactor {
  const ring = new Ring(ENTRIES);
  if (ring.supports(Op.ReadMultishot)) return new UringReactor(ring, clock);
  ring.close();
  throw new IpoibError(
    "E_URING",
    "Cannot use io_uring: this kernel has no multishot reads",
    { errno: 38, hint: "Linux 6.7 or later has them" },
  );
}
