/**
 * Devices: finding one by name, opening it, and its inline verbs as bound function pointers.
 *
 * What is inline in `infiniband/verbs.h` (posting, polling, arming) is called through the pointers of the context;
 * `ibv_modify_cq` through those of the `verbs_context` that lies before it.
 */

import { bytesAt } from "../../../ffi/libc.ts";
import { bindFunction, type BoundCall } from "../../../ffi/libffi.ts";
import { type Libibverbs, libibverbs } from "../../../ffi/libibverbs.ts";
import {
  IbvContext,
  IbvDevice,
  VerbsContext,
} from "../../../ffi/verbs_layout.ts";
import { IpoibError } from "../../base/errors.ts";
import { Errno } from "../../base/errno.ts";
import { lastError } from "../../system/errno.ts";
import { deviceFileError } from "./access.ts";

const ALL_ONES = 0xffffffffffffffffn;

/** Signed words of an address, for {@linkcode BoundCall.set} and for structs. */
export function lowWord(address: bigint): number {
  return Number(address & 0xffffffffn) | 0;
}

export function highWord(address: bigint): number {
  return Number(address >> 32n) | 0;
}

/** The library; throws `E_LIBRARY`. */
export function verbsLibrary(
  open: () => Libibverbs = libibverbs,
): Libibverbs {
  try {
    return open();
  } catch (cause) {
    throw new IpoibError(
      "E_LIBRARY",
      "InfiniBand devices cannot be used: libibverbs is missing",
      {
        errno: Errno.ENOENT,
        hint: "install libibverbs1 and ibverbs-providers",
        cause,
      },
    );
  }
}

/** Binds one of a context's operations, by its offset in `struct ibv_context`. */
export interface OperationBinder {
  bind(operation: number, args: readonly bigint[]): BoundCall;
}

/** An open device. */
export class VerbsDevice implements OperationBinder {
  readonly name: string;
  readonly library: Libibverbs;
  /** `struct ibv_context *`. */
  readonly context: bigint;
  readonly #view: DataView;
  readonly #modifyCq: bigint;

  /** Throws `E_LIBRARY`, `E_HCA`, `E_DEVICE_FILE`, `E_PRIVILEGE`, `E_VERBS`. */
  constructor(name: string) {
    this.name = name;
    this.library = verbsLibrary();
    this.context = open(this.library, name);
    this.#view = new DataView(bytesAt(this.context, IbvContext.Size));
    this.#modifyCq = this.#extension(VerbsContext.ModifyCq);
  }

  get asyncFd(): number {
    return this.#view.getInt32(IbvContext.AsyncFd, true);
  }

  bind(operation: number, args: readonly bigint[]): BoundCall {
    return bindFunction(this.#view.getBigUint64(operation, true), args);
  }

  /** Binds `ibv_modify_cq`; undefined if the provider has none. */
  bindModifyCq(cq: bigint, attributes: bigint): BoundCall | undefined {
    return this.#modifyCq === 0n
      ? undefined
      : bindFunction(this.#modifyCq, [cq, attributes]);
  }

  close(): void {
    this.library.ibv_close_device(this.context);
  }

  /** A function pointer of the verbs_context, or 0 if this provider's is too short for it. */
  #extension(offset: number): bigint {
    if (this.#view.getBigUint64(IbvContext.AbiCompat, true) !== ALL_ONES) {
      return 0n;
    }
    const size = new DataView(
      bytesAt(this.context + BigInt(VerbsContext.Sz), 8),
    ).getBigUint64(0, true);
    if (size < BigInt(IbvContext.Size - offset)) return 0n;
    return new DataView(bytesAt(this.context + BigInt(offset), 8))
      .getBigUint64(0, true);
  }
}

function open(library: Libibverbs, name: string): bigint {
  const count = new Int32Array(1);
  const list = library.ibv_get_device_list(new Uint8Array(count.buffer));
  if (list === 0n) throw lastError("E_VERBS", "list InfiniBand devices");
  try {
    const pointers = new BigUint64Array(bytesAt(list, 8 * (count[0]! + 1)));
    for (let i = 0; i < count[0]!; i++) {
      const device = pointers[i]!;
      const pointer = Deno.UnsafePointer.create(
        device + BigInt(IbvDevice.Name),
      )!;
      if (new Deno.UnsafePointerView(pointer).getCString() !== name) continue;
      const context = library.ibv_open_device(device);
      if (context !== 0n) return context;
      const failure = lastError("E_VERBS", `open InfiniBand device ${name}`);
      throw deviceFileError("uverbs", name) ?? failure;
    }
  } finally {
    library.ibv_free_device_list(list);
  }
  // The library leaves out what has no device file.
  throw deviceFileError("uverbs", name) ?? new IpoibError(
    "E_HCA",
    `InfiniBand device ${name} is not known to libibverbs`,
    {
      errno: Errno.ENODEV,
      hint: "install the device's provider, from ibverbs-providers",
    },
  );
}
