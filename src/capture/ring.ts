/**
 * The ring of a capture: shared memory in which the data worker writes records, and from which the capturing process
 * takes them.
 *
 * | bytes     | written by | contents                                                         |
 * |-----------|------------|------------------------------------------------------------------|
 * | 0         | worker     | head: position after the last record                             |
 * | 64        | process    | tail: position after the last record that was taken              |
 * | 128       | worker     | number of records that did not fit (32 bits)                     |
 * | 4096 ..   | worker     | records, each of a multiple of 8 bytes and not wrapped           |
 *
 * Positions count units of 8 bytes and wrap at 32 bits. A record starts with its length in bytes and a word that the
 * ring does not interpret, except for 0, padding: the rest of the memory, before a record that does not fit in
 * it. A record that does not fit into the free space is lost and counted, so the worker never waits.
 *
 * There are no wake-ups. The process reads the head every few milliseconds, so a record costs the worker no system
 * call. The worker reads nothing but the tail, and a tail that is not between its own positions makes the ring full.
 */

import { Mapping } from "../system/memory.ts";

const PAGE = 4096;
const UNIT = 8;
const HEAD = 0;
const TAIL = 16;
const LOST = 32;

/** Second word of a record that only fills the memory up to its end. */
const PADDING = 0;

/** Returns the bytes of a ring for `capacity` bytes of records, a power of two. */
export function ringBytes(capacity: number): number {
  return PAGE + capacity;
}

/** The memory of a ring, mapped. */
abstract class Ring implements Disposable {
  /** The records, as bytes and as words. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly words: Int32Array<ArrayBuffer>;
  protected readonly control: Int32Array<ArrayBuffer>;
  /** Capacity in units, and the mask of positions. */
  protected readonly units: number;
  protected readonly mask: number;
  readonly #mapping: Mapping;

  /**
   * Throws `E_MMAP`.
   *
   * @param fd memfd of {@linkcode ringBytes} bytes
   */
  constructor(fd: number, capacity: number) {
    this.#mapping = new Mapping(fd, ringBytes(capacity), "write");
    const { buffer } = this.#mapping;
    this.control = new Int32Array(buffer, 0, PAGE / 4);
    this.bytes = new Uint8Array(buffer, PAGE, capacity);
    this.words = new Int32Array(buffer, PAGE, capacity / 4);
    this.units = capacity / UNIT;
    this.mask = this.units - 1;
  }

  [Symbol.dispose](): void {
    this.#mapping.unmap();
  }
}

/** The worker's end. */
export class RingWriter extends Ring {
  #head = 0;
  #tail = 0;
  #next = 0;
  #lost = 0;

  /**
   * Starts a record of `length` bytes and returns its offset in `bytes`, or -1 if it does not fit. Its first word is
   * written; the caller writes the others and calls {@linkcode commit}.
   */
  begin(length: number): number {
    const needed = length + UNIT - 1 >>> 3;
    const at = this.#head & this.mask;
    const rest = this.units - at;
    const padding = needed > rest ? rest : 0;
    if (padding + needed > this.#free()) {
      this.#tail = Atomics.load(this.control, TAIL);
      if (padding + needed > this.#free()) {
        this.#lost = this.#lost + 1 | 0;
        Atomics.store(this.control, LOST, this.#lost);
        return -1;
      }
    }
    if (padding > 0) this.#write(at, padding, PADDING);
    const start = padding > 0 ? 0 : at;
    this.words[start * 2] = needed * UNIT;
    this.#next = this.#head + padding + needed | 0;
    return start * UNIT;
  }

  /** Makes the record visible. */
  commit(): void {
    this.#head = this.#next;
    Atomics.store(this.control, HEAD, this.#head);
  }

  #write(at: number, units: number, kind: number): void {
    this.words[at * 2] = units * UNIT;
    this.words[at * 2 + 1] = kind;
  }

  /** Free units; 0 if the process has written an invalid tail. */
  #free(): number {
    const used = this.#head - this.#tail | 0;
    return used < 0 || used > this.units ? 0 : this.units - used;
  }
}

/** The process's end. */
export class RingReader extends Ring {
  #tail = 0;
  #taken = 0;

  /** Number of records that did not fit. */
  get lost(): number {
    return Atomics.load(this.control, LOST) >>> 0;
  }

  /**
   * Returns the offset in `bytes` of the oldest record, or -1 if there is none. The record is valid until
   * {@linkcode release}.
   */
  take(): number {
    for (;;) {
      const used = Atomics.load(this.control, HEAD) - this.#tail | 0;
      if (used === 0) return -1;
      const at = this.#tail & this.mask;
      const length = this.words[at * 2]!;
      this.#taken = length / UNIT;
      const valid = length > 0 && (length & UNIT - 1) === 0 &&
        this.#taken <= used && at + this.#taken <= this.units;
      // The worker has ended while it wrote, or another process has written: nothing after it can be read.
      if (!valid) this.#taken = used;
      else if (this.words[at * 2 + 1] !== PADDING) return at * UNIT;
      this.release();
    }
  }

  /** Frees the record that was taken last. */
  release(): void {
    this.#tail = this.#tail + this.#taken | 0;
    this.#taken = 0;
    Atomics.store(this.control, TAIL, this.#tail);
  }
}
