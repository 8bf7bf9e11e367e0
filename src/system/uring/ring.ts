/**
 * An io_uring: submission and completion queues in memory shared with the kernel.
 *
 * Entries are written as 32-bit words, and addresses as 64-bit words, of typed arrays over the mapped rings, so that an
 * operation allocates nothing. The ring is for one thread (`SINGLE_ISSUER`, `DEFER_TASKRUN`): the kernel posts
 * completions only within {@linkcode Ring.enter}. `linux/io_uring.h` defines the layouts.
 *
 * | word of an entry | field                             |
 * |------------------|-----------------------------------|
 * | 0                | opcode, flags << 8, ioprio << 16  |
 * | 1                | descriptor                        |
 * | 2, 3             | offset                            |
 * | 4, 5             | address                           |
 * | 6                | length                            |
 * | 7                | flags of the operation            |
 * | 8, 9             | user data: tag, detail            |
 * | 10               | buffer group (low 16 bits)        |
 */

import { ioUringCalls, Syscall } from "../../../ffi/io_uring.ts";
import { addressOf, bytesAt, errnoCell, libc } from "../../../ffi/libc.ts";
import { Errno } from "../../base/errno.ts";
import { lastError, unwrap } from "../errno.ts";
import { Fd } from "../fd.ts";
import { Timespec } from "../timespec.ts";

const SETUP_SUBMIT_ALL = 1 << 7;
const SETUP_SINGLE_ISSUER = 1 << 12;
const SETUP_DEFER_TASKRUN = 1 << 13;
const ENTER_GETEVENTS = 1;
const ENTER_EXT_ARG = 1 << 3;
const PARAMS_BYTES = 120;
const SQ_OFFSETS = 40;
const CQ_OFFSETS = 80;
const OFFSET_SQES = 0x10000000n;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const MAP_FAILED = 0xffffffffffffffffn;
const REGISTER_PROBE = 8;
const PROBE_OPS = 64;
const OP_SUPPORTED = 1;
/** struct io_uring_getevents_arg: sigmask, its size, pad, timeout. */
const GETEVENTS_ARG_BYTES = 24;
const EXTENDED = BigInt(GETEVENTS_ARG_BYTES);

/** Submission flag IOSQE_CQE_SKIP_SUCCESS, shifted into word 0: only a failure posts a completion. */
export const SKIP_SUCCESS = 1 << 6 << 8;

/** 32-bit words of a submission entry and of a completion entry. */
const SQE_WORDS = 16;
const CQE_WORDS = 4;

/** Argument of `enter` for no wait. */
export const NO_WAIT = new Float64Array(1);

/** Completion flag IORING_CQE_F_MORE: the operation continues and will post further completions. */
export const CQE_MORE = 2;

/** Receives the completions of one tag. */
export interface Operation {
  /** Receives a completion: the result or a negative errno, its flags, and the detail of the user data. */
  complete(result: number, flags: number, detail: number): void;
}

export class Ring {
  readonly #fd: Fd;
  readonly #calls = ioUringCalls();
  readonly #errno: Int32Array;
  readonly #rings: Uint32Array;
  /** The submission entries as 32-bit words, and the same memory as 64-bit words for addresses. */
  readonly words: Uint32Array;
  readonly quads: BigUint64Array;
  readonly #sqTail: number;
  readonly #sqMask: number;
  readonly #cqHead: number;
  readonly #cqTail: number;
  readonly #cqEntries: number;
  readonly #cqMask: number;
  readonly #mappings: { address: bigint; length: bigint }[] = [];
  readonly #timeout = new Timespec();
  readonly #argument = new Uint8Array(
    new ArrayBuffer(GETEVENTS_ARG_BYTES),
  );
  readonly #argumentAddress = addressOf(this.#argument);
  #tail: number;
  #head: number;
  #unsubmitted = 0;

  /**
   * Creates and maps a ring. Throws `E_URING`.
   *
   * @param entries size of the submission queue; a power of two
   */
  constructor(entries: number) {
    libc();
    this.#errno = errnoCell();
    const params = new Uint8Array(PARAMS_BYTES);
    const view = new DataView(params.buffer);
    const flags = SETUP_SUBMIT_ALL | SETUP_SINGLE_ISSUER | SETUP_DEFER_TASKRUN;
    view.setUint32(8, flags, true);
    using parts = new DisposableStack();
    this.#fd = new Fd(
      unwrap(
        this.#calls.setup(Syscall.Setup, entries, params),
        "E_URING",
        "create an io_uring",
      ),
    );
    parts.defer(() => this.close());
    const sqEntries = view.getUint32(0, true);
    const cqEntries = view.getUint32(4, true);
    const sq = (field: number) => view.getUint32(SQ_OFFSETS + 4 * field, true);
    const cq = (field: number) => view.getUint32(CQ_OFFSETS + 4 * field, true);
    const ringBytes = Math.max(
      sq(6) + sqEntries * 4,
      cq(5) + cqEntries * CQE_WORDS * 4,
    );
    const rings = this.#map(ringBytes, 0n);
    const entriesAt = this.#map(sqEntries * SQE_WORDS * 4, OFFSET_SQES);
    this.#rings = new Uint32Array(bytesAt(rings, ringBytes & ~3));
    const memory = bytesAt(entriesAt, sqEntries * SQE_WORDS * 4);
    this.words = new Uint32Array(memory);
    this.quads = new BigUint64Array(memory);
    this.#sqTail = sq(1) >> 2;
    this.#sqMask = sqEntries - 1;
    const array = sq(6) >> 2;
    for (let i = 0; i < sqEntries; i++) this.#rings[array + i] = i;
    this.#cqHead = cq(0) >> 2;
    this.#cqTail = cq(1) >> 2;
    this.#cqEntries = cq(5) >> 2;
    this.#cqMask = cqEntries - 1;
    this.#tail = this.#rings[this.#sqTail]!;
    this.#head = this.#rings[this.#cqHead]!;
    const argument = new DataView(this.#argument.buffer);
    argument.setBigUint64(16, addressOf(this.#timeout.bytes), true);
    parts.move();
  }

  /** The descriptor of the ring, or -1 after `close()`. */
  get fd(): number {
    return this.#fd.number;
  }

  /** Returns true if the kernel supports the operation. */
  supports(opcode: number): boolean {
    const probe = new Uint8Array(16 + PROBE_OPS * 8);
    const result = this.#calls.register(
      Syscall.Register,
      this.fd,
      REGISTER_PROBE,
      probe,
      PROBE_OPS,
    );
    if (result < 0) return false;
    const flags = new DataView(probe.buffer).getUint16(
      16 + opcode * 8 + 2,
      true,
    );
    return (flags & OP_SUPPORTED) !== 0;
  }

  /** Calls io_uring_register(2). Throws `E_URING`. */
  register(opcode: number, argument: Uint8Array<ArrayBuffer>, count: number) {
    unwrap(
      this.#calls.register(Syscall.Register, this.fd, opcode, argument, count),
      "E_URING",
      "register with an io_uring",
    );
  }

  /**
   * Returns the index of the first word of the next submission entry, which is zeroed. The caller fills it before the
   * next `enter`. Submits the queue first if it is full.
   */
  prepare(): number {
    if (this.#unsubmitted > this.#sqMask) this.submit();
    const at = (this.#tail & this.#sqMask) * SQE_WORDS;
    const { words } = this;
    // A loop, because `fill` is a call into the runtime.
    for (let i = at; i < at + SQE_WORDS; i++) words[i] = 0;
    this.#tail = (this.#tail + 1) >>> 0;
    this.#unsubmitted++;
    return at;
  }

  /**
   * Submits the prepared entries and waits for a completion for at most `span[0]` milliseconds: 0 for no wait, Infinity
   * for no limit. Throws `E_URING`.
   */
  enter(span: Float64Array): void {
    // No atomic store: the kernel reads the tail only within this call.
    this.#rings[this.#sqTail] = this.#tail;
    const waits = span[0]! > 0 && this.#completions() === 0;
    this.#timeout.set(span);
    const result = this.#calls.enter(
      Syscall.Enter,
      this.fd,
      this.#unsubmitted,
      waits ? 1 : 0,
      ENTER_GETEVENTS | ENTER_EXT_ARG,
      this.#argumentAddress,
      EXTENDED,
    );
    const why = this.#errno[0]!;
    if (result >= 0) {
      this.#unsubmitted = Math.max(0, this.#unsubmitted - result);
      return;
    }
    // A wait that was interrupted or timed out has submitted its entries.
    if (why === Errno.ETIME || why === Errno.EINTR) this.#unsubmitted = 0;
    else if (why !== Errno.EBUSY && why !== Errno.EAGAIN) {
      throw lastError("E_URING", "wait for an io_uring", { errno: why });
    }
  }

  /** Submits all prepared entries: again if the kernel takes only some, or none because it lacks memory (EAGAIN). */
  submit(): void {
    while (this.#unsubmitted > 0) this.enter(NO_WAIT);
  }

  /** True if the kernel has taken all prepared entries. */
  get allSubmitted(): boolean {
    return this.#unsubmitted === 0;
  }

  /** Prepares `opcode`, an operation that cancels the operation of a tag. */
  cancel(opcode: number, tag: number): void {
    const at = this.prepare();
    const { words } = this;
    words[at] = opcode | SKIP_SUCCESS;
    words[at + 1] = 0xffffffff;
    words[at + 4] = tag;
  }

  /** Passes each pending completion to the operation of its tag, if there is one. Returns the number of completions. */
  harvest(operations: readonly (Operation | undefined)[]): number {
    const rings = this.#rings;
    const count = this.#completions();
    for (let i = 0; i < count; i++) {
      const at = this.#cqEntries + (this.#head & this.#cqMask) * CQE_WORDS;
      this.#head = (this.#head + 1) >>> 0;
      const tag = rings[at]!;
      const detail = rings[at + 1]!;
      const result = rings[at + 2]! | 0;
      const flags = rings[at + 3]!;
      // Updated for each completion, because `complete` may enter the ring. No atomic store: the kernel reads the head
      // only within calls of this thread.
      rings[this.#cqHead] = this.#head;
      operations[tag]?.complete(result, flags, detail);
    }
    return count;
  }

  close(): void {
    if (this.fd < 0) return;
    this.#fd.close();
    for (const { address, length } of this.#mappings) {
      libc().munmap(address, length);
    }
  }

  #completions(): number {
    return (Atomics.load(this.#rings, this.#cqTail) - this.#head) | 0;
  }

  #map(bytes: number, offset: bigint): bigint {
    const length = BigInt(bytes);
    const address = BigInt(
      libc().mmap(0n, length, PROT_READ_WRITE, MAP_SHARED, this.fd, offset),
    );
    if (address === MAP_FAILED) throw lastError("E_URING", "map an io_uring");
    this.#mappings.push({ address, length });
    return address;
  }
}
