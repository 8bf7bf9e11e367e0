/** Objects whose construction fails at any system call leave no descriptor and no mapping behind. */

import { assertEquals, assertThrows } from "@std/assert";
import { ioUringCalls } from "../../ffi/io_uring.ts";
import { libc } from "../../ffi/libc.ts";
import { IpoibError } from "../../src/base/errors.ts";
import { createMemory } from "../../src/system/memory.ts";
import { ProvidedBuffers } from "../../src/system/uring/buffer_group.ts";
import { Ring } from "../../src/system/uring/ring.ts";
import { whyNoUring } from "../e2e/harness/kernel.ts";
import { FailingCall, openDescriptors } from "./failing_call.ts";
import { ENOMEM } from "./errno_values.ts";

const why = whyNoUring();
const missing = why === undefined ? "" : ` (skipped: ${why})`;

/** Counts calls of mmap that succeeded less calls of munmap while `run` runs. */
function mapped(run: () => void): number {
  const functions = libc() as unknown as Record<
    string,
    (...args: unknown[]) => unknown
  >;
  const { mmap, munmap } = functions;
  let count = 0;
  functions.mmap = (...args) => {
    const result = mmap!(...args);
    if (BigInt(result as bigint) !== 0xffffffffffffffffn) count++;
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
function assertNoLeak(
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

Deno.test("createMemory() that fails closes its descriptor", () => {
  for (const name of ["memfd_create", "ftruncate", "fcntl"]) {
    assertNoLeak(libc(), name, 1, () => createMemory("test", 4096));
  }
});

Deno.test({
  name: `a Ring that fails closes its descriptor and unmaps${missing}`,
  ignore: why !== undefined,
  fn() {
    assertNoLeak(ioUringCalls(), "setup", 1, () => new Ring(8));
    assertNoLeak(libc(), "mmap", 1, () => new Ring(8));
    assertNoLeak(libc(), "mmap", 2, () => new Ring(8));
  },
});

Deno.test({
  name: `ProvidedBuffers that fail unmap${missing}`,
  ignore: why !== undefined,
  fn() {
    const ring = new Ring(8);
    const make = () => new ProvidedBuffers(ring, 1, [0n, 4096n], 4096);
    assertNoLeak(libc(), "mmap", 1, make);
    assertNoLeak(ioUringCalls(), "register", 1, make);
    ring.close();
  },
});
