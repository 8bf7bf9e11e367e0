/**
 * The reactor based on io_uring: multishot TAP reads, TAP writes, doorbells and the wait usually take one system call
 * per turn.
 *
 * Requires Linux 6.7 for multishot reads, and a system that allows io_uring: see {@linkcode openUringReactor}.
 */

import { Errno } from "../../base/errno.ts";
import type { Clock } from "../../base/clock.ts";
import { PendingList } from "../../base/pending_list.ts";
import { IpoibError } from "../../base/errors.ts";
import type {
  FrameMemory,
  FrameReader,
  FrameSink,
  FrameWriter,
  WriteResults,
} from "../frames.ts";
import type { Doorbells, Watch } from "../reactor.ts";
import { ReactorBase } from "../reactor_base.ts";
import { UringBells } from "./bells.ts";
import { ProvidedBuffers } from "./buffer_group.ts";
import { NO_WAIT, type Operation, Ring } from "./ring.ts";
import { Polled } from "./polled.ts";
import { READ_MULTISHOT, UringReader } from "./reader.ts";
import { WriteVectors } from "./vectors.ts";
import { UringWriter } from "./writer.ts";

const ENTRIES = 512;
const ASYNC_CANCEL = 14;
/** Tag of the bells. Tag 0 is for operations whose completions are ignored. */
const BELLS = 1;

/** A {@linkcode Reactor} based on io_uring. */
export class UringReactor extends ReactorBase {
  override readonly writesLater = true;
  readonly #ring: Ring;
  /**
   * Operations by tag; undefined for those that have ended. Tags are not used again, because a completion of an ended
   * write or poll may still arrive.
   */
  readonly #operations: (Operation | undefined)[];
  readonly #polled: Polled[] = [];
  /** Only these readers, writers and groups are visited in a turn, so that idle ones cost nothing. */
  readonly #readers = new PendingList<UringReader>();
  readonly #writers = new PendingList<UringWriter>();
  readonly #unpublished = new PendingList<ProvidedBuffers>();
  readonly #vectors: WriteVectors;
  readonly #groups: ProvidedBuffers[] = [];
  readonly #groupsOf = new Map<FrameMemory, ProvidedBuffers>();
  override readonly doorbells: Doorbells;

  constructor(ring: Ring, clock?: Clock) {
    super(clock);
    this.#ring = ring;
    this.#vectors = new WriteVectors(ring);
    const bells = new UringBells(ring, BELLS);
    this.#operations = [undefined, bells];
    this.doorbells = {
      open: (fd, failed) => bells.open(fd, failed),
      watch: (fd) => this.#watch(fd, () => {}, true),
    };
    this.watchFast(this.watches.fd, () => {
      this.watches.wait(0);
      this.watches.dispatch();
    });
  }

  override readFrames(
    fd: number,
    memory: FrameMemory,
    sink: FrameSink,
  ): FrameReader {
    const reader = new UringReader({
      ring: this.#ring,
      fd,
      tag: this.#operations.length,
      memory,
      group: this.#groupOf(memory),
      sink,
      timers: this,
      active: this.#readers,
      cancel: (reader) => this.#cancel(reader),
      ended: (reader) => {
        if (this.#has(reader)) this.#operations[reader.tag] = undefined;
      },
    });
    this.#operations.push(reader);
    return reader;
  }

  override frameWriter(fd: number, results: WriteResults): FrameWriter {
    const tag = this.#operations.length;
    const active = this.#writers;
    const closed = (writer: UringWriter) => {
      this.submit();
      this.#operations[writer.tag] = undefined;
    };
    const ring = this.#ring;
    const writer = new UringWriter(
      ring,
      fd,
      tag,
      results,
      this.#vectors,
      active,
      closed,
    );
    this.#operations.push(writer);
    return writer;
  }

  override forget(memory: FrameMemory): void {
    const group = this.#groupsOf.get(memory);
    if (!group) return;
    // Cancelled reads complete within this call.
    this.#ring.enter(NO_WAIT);
    this.submit();
    this.#groupsOf.delete(memory);
    remove(this.#groups, group);
    group.close();
  }

  override submit(): void {
    this.#ring.submit();
  }

  protected override watchFast(fd: number, ready: () => void): Watch {
    return this.#watch(fd, ready, false);
  }

  protected override wait(): void {
    const unpublished = this.#unpublished;
    const writers = this.#writers;
    const readers = this.#readers;
    while (unpublished.count > 0) unpublished.take().commit();
    for (let i = 0; i < writers.count; i++) writers.at(i).send();
    for (let i = readers.count - 1; i >= 0; i--) {
      const reader = readers.at(i);
      reader.arm();
      if (reader.armed) readers.remove(reader);
    }
    for (let i = 0; i < this.#polled.length; i++) this.#polled[i]!.arm();
    this.#ring.enter(this.span);
    // Frame memory is reused after the wait, so the kernel must have taken all writes.
    this.submit();
  }

  protected override dispatch(): void {
    this.#ring.harvest(this.#operations);
    const writers = this.#writers;
    for (let i = writers.count - 1; i >= 0; i--) {
      const writer = writers.at(i);
      writer.settle();
      if (writer.idle) writers.remove(writer);
    }
    const readers = this.#readers;
    for (let i = readers.count - 1; i >= 0; i--) {
      // A sink may stop any readers.
      if (i < readers.count) readers.at(i).deliver();
    }
  }

  protected override close(): void {
    this.#operations.length = 0;
    this.#ring.close();
    for (const group of this.#groups) group.close();
  }

  /** Returns the buffer group of a memory, and creates it at first use. All readers of the memory share it. */
  #groupOf(memory: FrameMemory): ProvidedBuffers {
    let group = this.#groupsOf.get(memory);
    if (!group) {
      group = new ProvidedBuffers(
        this.#ring,
        this.#freeGroupId(),
        memory.vnetAddress,
        memory.frameCapacity,
        this.#unpublished,
      );
      this.#groups.push(group);
      this.#groupsOf.set(memory, group);
      memory.lendTo(group);
    }
    return group;
  }

  #freeGroupId(): number {
    let id = 0;
    while (this.#groups.some((group) => group.id === id)) id++;
    return id;
  }

  #watch(fd: number, ready: () => void, multishot: boolean): Watch {
    const polled = new Polled({
      ring: this.#ring,
      fd,
      tag: this.#operations.length,
      multishot,
      ready,
      closed: ({ tag }) => {
        this.#operations[tag] = undefined;
        remove(this.#polled, polled);
      },
    });
    this.#operations.push(polled);
    this.#polled.push(polled);
    return polled;
  }

  /** True for a reader that may get a completion. A reactor that is closed has none. */
  #has(reader: UringReader): boolean {
    return this.#operations[reader.tag] === reader;
  }

  #cancel(reader: UringReader): void {
    if (!this.#has(reader)) return;
    this.#ring.cancel(ASYNC_CANCEL, reader.tag);
    // Submitted immediately, because the caller closes the descriptor next.
    this.submit();
  }
}

function remove<T>(list: T[], item: T): void {
  const at = list.indexOf(item);
  if (at >= 0) list.splice(at, 1);
}

/** Opens a reactor based on io_uring. Throws `E_URING` if the kernel is too old or forbids io_uring. */
export function openUringReactor(clock?: Clock): UringReactor {
  const ring = new Ring(ENTRIES);
  if (ring.supports(READ_MULTISHOT)) return new UringReactor(ring, clock);
  ring.close();
  throw new IpoibError(
    "E_URING",
    "Cannot use io_uring: the kernel has no multishot reads",
    { errno: Errno.ENOSYS, hint: "use Linux 6.7 or later, or `--io poll`" },
  );
}
