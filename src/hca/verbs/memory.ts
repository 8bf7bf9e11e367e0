/**
 * Memory that C can see: shared mappings, which no collector moves or frees, and which a fork leaves where they are.
 */

import type { Libibverbs } from "../../../ffi/libibverbs.ts";
import { bytesAt } from "../../../ffi/libc.ts";
import { Ibv, IbvMr } from "../../../ffi/verbs_layout.ts";
import { lastError } from "../../system/errno.ts";
import { createMemory, Mapping } from "../../system/memory.ts";

/** A mapping with views of it. */
export class NativeMemory {
  readonly address: bigint;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly words: Int32Array;
  readonly #mapping: Mapping;

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

/** What registers memory. */
export type Registrar = Pick<Libibverbs, "ibv_reg_mr" | "ibv_dereg_mr">;

/** Memory that is registered with a protection domain. */
export class RegisteredMemory extends NativeMemory {
  readonly lkey: number;
  readonly #library: Registrar;
  readonly #region: bigint;

  /** Throws `E_VERBS`: the device pins the memory, which a limit may forbid. */
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
        `register ${size >> 10} KiB with the device`,
        { hint: "raise the limit of locked memory (ulimit -l)" },
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
