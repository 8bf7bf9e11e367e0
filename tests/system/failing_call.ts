/** Failure of one call of a C function, and the descriptors and mappings that it leaves. */

import { assertEquals, assertThrows } from "@std/assert";
import { errnoCell, guard } from "../../ffi/errno.ts";
import { libc } from "../../ffi/libc.ts";
import { IpoibError } from "../../src/base/errors.ts";
import { listDirectory } from "../../src/system/read_files.ts";
import { ENOMEM } from "./errno_values.ts";

const MAP_FAILED = 0xffffffffffffffffn;

/** Returns the number of open descriptors of this process. */
export function openDescriptors(): number {
  // Deno reads this directory with all permissions only, which few suites have.
  return listDirectory("/proc/self/fd").length;
}

/** Makes the `ordinal`-th call of a function fail with `errno`; disposal restores the function. */
export class FailingCall implements Disposable {
  failed = false;
  readonly #name: string;
  readonly #functions: Record<string, (...args: unknown[]) => unknown>;
  readonly #real: (...args: unknown[]) => unknown;

  /** @param functions the symbols of a library, as `libc()` returns them */
  constructor(functions: object, name: string, ordinal: number, errno: number) {
    this.#name = name;
    this.#functions = functions as Record<string, () => unknown>;
    this.#real = this.#functions[name]!;
    const fail = guard(() => -1, 0);
    let left = ordinal;
    this.#functions[name] = (...args) => {
      if (--left !== 0) return this.#real(...args);
      this.failed = true;
      errnoCell()[0] = errno;
      fail();
      return name === "mmap" ? MAP_FAILED : -1;
    };
  }

  [Symbol.dispose](): void {
    this.#functions[this.#name] = this.#real;
  }
}

/** Returns the number of calls of mmap(2) that succeeded less those of munmap(2) while `run` runs. */
export function mapped(run: () => void): number {
  const functions = libc() as unknown as Record<
    string,
    (...args: unknown[]) => unknown
  >;
  const { mmap, munmap } = functions;
  let count = 0;
  functions.mmap = (...args) => {
    const result = mmap!(...args);
    if (BigInt(result as bigint) !== MAP_FAILED) count++;
    return result;
  };
  functions.munmap = (...args) => {
    count--;
    return munmap!(...args);
  };
  try {
    run();
  } finally {
    Object.assign(functions, { mmap, munmap });
  }
  return count;
}

/** Asserts that `make` throws, and leaks nothing, when the `ordinal`-th call of a function fails. */
export function assertNoLeak(
  functions: object,
  name: string,
  ordinal: number,
  make: () => unknown,
): void {
  const before = openDescriptors();
  const left = mapped(() => {
    using failing = new FailingCall(functions, name, ordinal, ENOMEM);
    assertThrows(make, IpoibError);
    assertEquals([name, failing.failed], [name, true]);
  });
  assertEquals([name, ordinal, openDescriptors() - before, left], [
    name,
    ordinal,
    0,
    0,
  ]);
}
