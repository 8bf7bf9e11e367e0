/**
 * Opens a device by name, and binds the verbs that libibverbs does not export.
 *
 * The inline functions of `infiniband/verbs.h` for posting, polling and arming call function pointers of the context.
 * `ibv_modify_cq` and `query_port` are function pointers of the `struct verbs_context` that precedes the context in
 * memory.
 */

import { addressOf, bytesAt, cString, libc } from "../../../ffi/libc.ts";
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
import { unsetLibraryVariables } from "../../system/trusted_libraries.ts";
import { deviceFileError } from "./access.ts";
import { released } from "./release.ts";

const ALL_ONES = 0xffffffffffffffffn;

/** Returns the low 32 bits of an address as a signed word, for {@linkcode BoundCall.set} and for structs. */
export function lowWord(address: bigint): number {
  return Number(address & 0xffffffffn) | 0;
}

/** Returns the high 32 bits of an address as a signed word. */
export function highWord(address: bigint): number {
  return Number(address >> 32n) | 0;
}

/**
 * Opens libibverbs, for all users of it. It then ignores drivers that an untrusted environment names
 * (trusted_libraries.ts). Throws `E_LIBRARY` (ENOENT).
 */
export function verbsLibrary(
  open: () => Libibverbs = libibverbs,
): Libibverbs {
  unsetLibraryVariables();
  try {
    return open();
  } catch (cause) {
    throw new IpoibError(
      "E_LIBRARY",
      "Cannot use InfiniBand devices: libibverbs cannot be loaded",
      {
        errno: Errno.ENOENT,
        hint: "install libibverbs1 and ibverbs-providers",
        cause,
      },
    );
  }
}

/**
 * Lets libibverbs free its memory and descriptors of a device that was removed, although the kernel then refuses the
 * calls that release its objects (ibv_open_device(3)). Called before the library is used.
 */
export function allowReleases(): void {
  libc().setenv(cString("RDMAV_ALLOW_DISASSOC_DESTROY"), cString("1"), 1);
}

/** Binds operations of a context. */
export interface OperationBinder {
  /** Binds the operation at offset `operation` in `struct ibv_context` to arguments. */
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
  readonly #queryPort: bigint;

  /** Opens the device. Throws `E_HCA`, `E_DEVICE_FILE`, `E_PRIVILEGE` or `E_VERBS`. */
  constructor(name: string, library: Libibverbs) {
    this.name = name;
    this.library = library;
    this.context = open(this.library, name);
    this.#view = new DataView(bytesAt(this.context, IbvContext.Size));
    this.#modifyCq = this.#extension(VerbsContext.ModifyCq);
    this.#queryPort = this.#extension(VerbsContext.QueryPort);
  }

  /** Descriptor of the asynchronous events. */
  get asyncFd(): number {
    return this.#view.getInt32(IbvContext.AsyncFd, true);
  }

  bind(operation: number, args: readonly bigint[]): BoundCall {
    return bindFunction(this.#view.getBigUint64(operation, true), args);
  }

  /**
   * Binds `ibv_modify_cq` to the addresses of the CQ and of the attributes. Returns undefined if the provider does not
   * have the function.
   */
  bindModifyCq(cq: bigint, attributes: bigint): BoundCall | undefined {
    return this.#modifyCq === 0n
      ? undefined
      : bindFunction(this.#modifyCq, [cq, attributes]);
  }

  /**
   * Queries a port into `attributes`, a `struct ibv_port_attr` of zeros. Returns 0, or an errno of either sign. The
   * exported function does not write the members after `flags`, so it is used only if the other one does not exist.
   */
  queryPort(port: number, attributes: Uint8Array<ArrayBuffer>): number {
    if (this.#queryPort === 0n) {
      return this.library.ibv_query_port(this.context, port, attributes);
    }
    return bindFunction(this.#queryPort, [
      this.context,
      BigInt(port),
      addressOf(attributes),
      BigInt(attributes.length),
    ]).call();
  }

  close(): void {
    released("a device", this.library.ibv_close_device(this.context));
  }

  /** Returns the function pointer at a negative offset from the context, or 0 if the provider does not have it. */
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

/** Opens a device; returns its `struct ibv_context *`. */
function open(library: Libibverbs, name: string): bigint {
  const context = withDevices(library, (devices) => {
    const pointer = devices.get(name);
    if (pointer === undefined) return undefined;
    const context = library.ibv_open_device(pointer);
    if (context !== 0n) return context;
    const failure = lastError("E_VERBS", `open InfiniBand device ${name}`);
    throw deviceFileError("uverbs", name) ?? failure;
  });
  if (context !== undefined) return context;
  // The library does not list devices without a device file.
  throw deviceFileError("uverbs", name) ?? new IpoibError(
    "E_HCA",
    `libibverbs does not support InfiniBand device ${name}`,
    {
      errno: Errno.ENODEV,
      hint: "install the provider of the device (ibverbs-providers)",
    },
  );
}

/** Returns the names of the devices that libibverbs lists: those with a device file and a provider. Throws `E_VERBS`. */
export function listedDevices(library: Libibverbs): string[] {
  return withDevices(library, (devices) => [...devices.keys()]);
}

/** Calls `use` with the devices that libibverbs lists: `struct ibv_device *` by name. They are valid during the call. */
function withDevices<T>(
  library: Libibverbs,
  use: (devices: ReadonlyMap<string, bigint>) => T,
): T {
  const count = new Int32Array(1);
  const list = library.ibv_get_device_list(new Uint8Array(count.buffer));
  if (list === 0n) throw lastError("E_VERBS", "list InfiniBand devices");
  try {
    const pointers = new BigUint64Array(bytesAt(list, 8 * (count[0]! + 1)));
    const devices = [...pointers.subarray(0, count[0])].map((device) => {
      const name = Deno.UnsafePointer.create(device + BigInt(IbvDevice.Name))!;
      return [new Deno.UnsafePointerView(name).getCString(), device] as const;
    });
    return use(new Map(devices));
  } finally {
    library.ibv_free_device_list(list);
  }
}
