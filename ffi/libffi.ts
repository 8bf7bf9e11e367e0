/**
 * Calls through function pointers.
 *
 * A call takes about 1 us with `Deno.UnsafeFnPointer` and about 30 ns with libffi's `ffi_call`, because the runtime
 * compiles calls of library symbols, but not calls through pointers. All arguments are passed as 64-bit integers,
 * which is correct for narrower parameters that are passed in registers. `UnsafeFnPointer` is the fallback if libffi
 * cannot be opened.
 */

import { addressOf } from "./libc.ts";

/** The sonames of libffi 3.4, 3.3 and 3.2. The functions and types used here are the same in all of them. */
const LIBRARIES = ["libffi.so.8", "libffi.so.7", "libffi.so.6"];
/** Libraries that contain dlopen(3): glibc 2.34 and later, and earlier versions. */
const LINKERS = ["libc.so.6", "libdl.so.2"];
const OK = 0;
/** FFI_UNIX64 on x86-64, FFI_SYSV on arm64. */
const DEFAULT_ABI = Deno.build.arch === "x86_64" ? 2 : 1;
/** Bytes reserved for an `ffi_cif`, more than its size on any 64-bit architecture. */
const CIF_SIZE = 128;

const symbols = {
  // ffi_status ffi_prep_cif(ffi_cif *, ffi_abi, unsigned nargs, ffi_type *rtype, ffi_type **atypes)
  ffi_prep_cif: {
    parameters: ["buffer", "i32", "u32", "pointer", "buffer"],
    result: "i32",
  },
  // void ffi_call(ffi_cif *, void (*fn)(void), void *rvalue, void **avalue)
  ffi_call: { parameters: ["u64", "u64", "u64", "u64"], result: "void" },
} as const satisfies Deno.ForeignLibraryInterface;

/** A function pointer with its arguments. */
export interface BoundCall {
  /** Sets the argument at `index` to a 64-bit value given as two 32-bit words. */
  set(index: number, low: number, high: number): void;
  /** Calls the function and returns the low 32 bits of its result, signed. */
  call(): number;
}

type Library = Deno.DynamicLibrary<typeof symbols>["symbols"];

interface Libffi {
  calls: Library;
  /** Address of `ffi_type_uint64`. */
  uint64: Deno.PointerObject;
}

/** Undefined before the first use, null if libffi cannot be used. */
let opened: Libffi | null | undefined;

function libffi(): Libffi | null {
  if (opened !== undefined) return opened;
  opened = first(LIBRARIES, (name) => ({
    calls: Deno.dlopen(name, symbols).symbols,
    uint64: typeAddress(name),
  })) ?? null;
  return opened;
}

/** Returns the result of `open` for the first library that can be opened. */
function first<T>(
  names: readonly string[],
  open: (name: string) => T,
): T | undefined {
  for (const name of names) {
    try {
      return open(name);
    } catch {
      continue;
    }
  }
  return undefined;
}

/** Looks up the address of `ffi_type_uint64` with dlsym(3), because `Deno.dlopen` returns a static symbol's value. */
function typeAddress(library: string): Deno.PointerObject {
  const linker = first(LINKERS, (name) =>
    Deno.dlopen(name, {
      dlopen: { parameters: ["buffer", "i32"], result: "pointer" },
      dlsym: { parameters: ["pointer", "buffer"], result: "pointer" },
    }).symbols);
  const text = new TextEncoder();
  const handle = linker?.dlopen(text.encode(`${library}\0`), 2) ?? null;
  const type = linker?.dlsym(handle, text.encode("ffi_type_uint64\0")) ?? null;
  if (type === null) throw new Error(`${library} lacks ffi_type_uint64`);
  return type;
}

/**
 * Binds the function at `address` to initial arguments, which {@linkcode BoundCall.set} changes. Uses
 * `UnsafeFnPointer` if `allowLibffi` is false.
 */
export function bindFunction(
  address: bigint,
  args: readonly bigint[],
  allowLibffi = true,
): BoundCall {
  const library = allowLibffi ? libffi() : null;
  return library
    ? new FfiCall(library, address, args)
    : new PointerCall(address, args);
}

class FfiCall implements BoundCall {
  readonly #library: Library;
  readonly #function: bigint;
  readonly #values: BigUint64Array<ArrayBuffer>;
  readonly #words: Int32Array;
  readonly #pointers: BigUint64Array<ArrayBuffer>;
  readonly #types: BigUint64Array<ArrayBuffer>;
  readonly #cif = new Uint8Array(CIF_SIZE);
  readonly #result = new Int32Array(2);
  readonly #cifAddress: bigint;
  readonly #resultAddress: bigint;
  readonly #pointersAddress: bigint;

  constructor(
    { calls, uint64 }: Libffi,
    address: bigint,
    args: readonly bigint[],
  ) {
    this.#library = calls;
    this.#function = address;
    this.#values = BigUint64Array.from(args);
    this.#words = new Int32Array(this.#values.buffer);
    const first = addressOf(new Uint8Array(this.#values.buffer));
    this.#pointers = BigUint64Array.from(
      args,
      (_, i) => first + BigInt(i * 8),
    );
    const type = BigInt(Deno.UnsafePointer.value(uint64));
    this.#types = BigUint64Array.from(args, () => type);
    const types = new Uint8Array(this.#types.buffer);
    const status = calls.ffi_prep_cif(
      this.#cif,
      DEFAULT_ABI,
      args.length,
      uint64,
      types,
    );
    if (status !== OK) throw new Error(`ffi_prep_cif failed: ${status}`);
    this.#cifAddress = addressOf(this.#cif);
    this.#resultAddress = addressOf(new Uint8Array(this.#result.buffer));
    this.#pointersAddress = addressOf(new Uint8Array(this.#pointers.buffer));
  }

  set(index: number, low: number, high: number): void {
    this.#words[index * 2] = low;
    this.#words[index * 2 + 1] = high;
  }

  call(): number {
    this.#library.ffi_call(
      this.#cifAddress,
      this.#function,
      this.#resultAddress,
      this.#pointersAddress,
    );
    return this.#result[0]!;
  }
}

class PointerCall implements BoundCall {
  readonly #function: { call(...values: bigint[]): number };
  readonly #values: BigUint64Array<ArrayBuffer>;
  readonly #words: Int32Array;

  constructor(address: bigint, args: readonly bigint[]) {
    const parameters = args.map(() => "u64" as const);
    const pointer = Deno.UnsafePointer.create<
      { parameters: "u64"[]; result: "i32" }
    >(address);
    if (pointer === null) throw new Error("A null function pointer");
    this.#function = new Deno.UnsafeFnPointer(pointer, {
      parameters,
      result: "i32",
    });
    this.#values = BigUint64Array.from(args);
    this.#words = new Int32Array(this.#values.buffer);
  }

  set(index: number, low: number, high: number): void {
    this.#words[index * 2] = low;
    this.#words[index * 2 + 1] = high;
  }

  call(): number {
    return this.#function.call(...this.#values);
  }
}
