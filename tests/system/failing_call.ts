/** Failure of one call of a C function, and the descriptors that are open after it. */

import { errnoCell, guard } from "../../ffi/errno.ts";

const MAP_FAILED = 0xffffffffffffffffn;

/** Returns the number of open descriptors of this process. */
export function openDescriptors(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length;
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
