/**
 * Memory that devices and libraries access: shared mappings, which the garbage collector neither moves nor frees, and
 * which a fork does not copy.
 */

import type { Libibverbs } from "../../../ffi/libibverbs.ts";
import { bytesAt } from "../../../ffi/libc.ts";
import { Ibv, IbvMr } from "../../../ffi/verbs_layout.ts";
import { lastError } from "../../system/errno.ts";
import { createMemory, Mapping } from "../../system/memory.ts";

/** A mapping of zeroed memory, with views of it. */
export class NativeMemory {
  readonly address: bigint;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly words: Int32Array;
  readonly #mapping: Mapping;

  /** @param size bytes */
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

/** The functions of libibverbs that register memory. */
export type Registrar = Pick<Libibverbs, "ibv_reg_mr" | "ibv_dereg_mr">;

/** Memory that is registered in a protection domain. */
export class RegisteredMemory extends NativeMemory {
  readonly lkey: number;
  readonly #library: Registrar;
  /** `struct ibv_mr *`. */
  readonly #region: bigint;

  /** Throws `E_VERBS`, for example if the limit on locked memory is too low: registration pins the memory. */
  constructor(library: Registrar, pd: bigint, size: number) {
    super(size);
    this.#library = library;
    this.#region = library.ibv_reg_mr(
      pd,
      this.address,
      BigInt(size),
      Ibv.ACCESS_LOCAL_WRITE,
    );
    if (this.#region === 0n) {
      const failure = lastError(
        "E_VERBS",
        `register ${size >> 10} KiB of memory with the device`,
        { hint: "raise the limit on locked memory (ulimit -l)" },
      );
      super.close();
      throw failure;
    }
    this.lkey = new DataView(bytesAt(this.#region, IbvMr.Lkey + 4))
      .getUint32(IbvMr.Lkey, true);
  }

  override close(): void {
    this.#library.ibv_dereg_mr(this.#region);
    super.close();
  }
}
