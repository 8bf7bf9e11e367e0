/**
 * Memory that devices and libraries access, which the garbage collector neither moves nor frees, and which a fork does
 * not copy: shared mappings, and memory in which WebAssembly sums packets.
 */

import type { Libibverbs } from "../../../ffi/libibverbs.ts";
import { addressOf, bytesAt, libc } from "../../../ffi/libc.ts";
import { Ibv, IbvMr } from "../../../ffi/verbs_layout.ts";
import { lastError } from "../../system/errno.ts";
import { memoryShortage } from "../../system/locked_memory.ts";
import { createMemory, Mapping } from "../../system/memory.ts";
import { SummedMemory } from "../../wire/summed_memory.ts";
import { released } from "./release.ts";

const MADV_DONTFORK = 10;

/** A mapping of zeroed memory, with views of it. */
export class NativeMemory {
  readonly address: bigint;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly words: Int32Array;
  readonly #mapping: Mapping;

  /**
   * Throws `E_MEMFD` or `E_MMAP`.
   *
   * @param size bytes
   */
  constructor(size: number) {
    using memory = createMemory("ipoib-verbs", size);
    this.#mapping = new Mapping(memory.number, size, "write");
    this.address = this.#mapping.address;
    this.bytes = this.#mapping.bytes;
    this.view = new DataView(this.#mapping.buffer);
    this.words = new Int32Array(this.#mapping.buffer);
  }

  close(): void {
    this.#mapping.unmap();
  }
}

/** A {@linkcode SummedMemory} that is registered. The garbage collector frees it. */
export class RegisteredSummedMemory extends SummedMemory {
  readonly address: bigint;
  #registration: Registration | undefined;

  /**
   * Throws the errors of {@linkcode Registration}.
   *
   * @param size bytes, rounded up to a multiple of 64 KiB
   */
  constructor(library: Registrar, pd: bigint, size: number) {
    super(size);
    this.address = addressOf(this.bytes);
    const { length } = this.bytes;
    // A child process that shared the pages until one of them writes would leave the device with the child's pages.
    libc().madvise(this.address, BigInt(length), MADV_DONTFORK);
    this.register(library, pd);
  }

  /** The L_Key of the registration; 0 if there is none. */
  get lkey(): number {
    return this.#registration?.lkey ?? 0;
  }

  /** Registers the memory with another device, after {@linkcode close}. Throws the errors of {@linkcode Registration}. */
  register(library: Registrar, pd: bigint): void {
    const { address, bytes: { length } } = this;
    this.#registration = new Registration(library, pd, address, length);
  }

  /** Ends the registration. */
  close(): void {
    this.#registration?.close();
    this.#registration = undefined;
  }
}

/** The functions of libibverbs that register memory. */
export type Registrar = Pick<Libibverbs, "ibv_reg_mr" | "ibv_dereg_mr">;

/** The registration of memory in a protection domain, which pins it. */
class Registration {
  readonly lkey: number;
  readonly #library: Registrar;
  /** `struct ibv_mr *`. */
  readonly #region: bigint;

  /**
   * Throws `E_MEMLOCK` if the limit on locked memory is too low, `E_VERBS` if the device refuses.
   *
   * @param size bytes
   */
  constructor(library: Registrar, pd: bigint, address: bigint, size: number) {
    const shortage = memoryShortage("packets", size);
    if (shortage) throw shortage;
    this.#library = library;
    this.#region = library.ibv_reg_mr(
      pd,
      address,
      BigInt(size),
      Ibv.ACCESS_LOCAL_WRITE,
    );
    if (this.#region === 0n) {
      throw lastError(
        "E_VERBS",
        `register ${size >> 10} KiB of memory with the device`,
        { hint: "raise the limit on locked memory (ulimit -l)" },
      );
    }
    this.lkey = new DataView(bytesAt(this.#region, IbvMr.Lkey + 4))
      .getUint32(IbvMr.Lkey, true);
  }

  close(): void {
    released("registered memory", this.#library.ibv_dereg_mr(this.#region));
  }
}

/** A {@linkcode NativeMemory} that is registered. */
export class RegisteredMemory extends NativeMemory {
  readonly #registration: Registration;

  /** Throws the errors of {@linkcode NativeMemory} and of {@linkcode Registration}. */
  constructor(library: Registrar, pd: bigint, size: number) {
    super(size);
    try {
      this.#registration = new Registration(library, pd, this.address, size);
    } catch (error) {
      super.close();
      throw error;
    }
  }

  get lkey(): number {
    return this.#registration.lkey;
  }

  override close(): void {
    this.#registration.close();
    super.close();
  }
}
