/** Objects whose construction fails at any system call leave no descriptor and no mapping behind. */

import { ioUringCalls } from "../../ffi/io_uring.ts";
import { libc } from "../../ffi/libc.ts";
import { createMemory } from "../../src/system/memory.ts";
import { ProvidedBuffers } from "../../src/system/uring/buffer_group.ts";
import { Ring } from "../../src/system/uring/ring.ts";
import { whyNoUring } from "../e2e/harness/kernel.ts";
import { assertNoLeak } from "./failing_call.ts";

const why = whyNoUring();
const missing = why === undefined ? "" : ` (skipped: ${why})`;

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
