import { assertEquals, assertLess } from "@std/assert";
import { FakeReactor } from "../../src/system/fake_reactor.ts";
import {
  collectPeriodically,
  trimHeaps,
} from "../../src/system/unused_memory.ts";
import { readTextFile } from "../../src/system/read_files.ts";

/** Below the size from which malloc(3) maps a block of its own. */
const BLOCK = 64 * 1024;
const BLOCKS = 1024;

/** Returns the anonymous memory of this process in bytes. */
function anonymousBytes(): number {
  const status = readTextFile("/proc/self/status", 1 << 16)!;
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)![1]) * 1024;
}

Deno.test("trimHeaps() returns freed memory that malloc keeps", () => {
  const library = Deno.dlopen("libc.so.6", {
    calloc: { parameters: ["u64", "u64"], result: "pointer" },
    memset: { parameters: ["pointer", "i32", "u64"], result: "pointer" },
    free: { parameters: ["pointer"], result: "void" },
  });
  const { calloc, memset, free } = library.symbols;
  const block = () => {
    const pointer = calloc(1n, BigInt(BLOCK));
    memset(pointer, 1, BigInt(BLOCK));
    return pointer;
  };
  const freed = Array.from({ length: BLOCKS }, block);
  const last = block();
  for (const pointer of freed) free(pointer);
  const before = anonymousBytes();
  trimHeaps();
  assertLess(anonymousBytes(), before - BLOCK * BLOCKS / 2);
  free(last);
  library.close();
});

Deno.test("collectPeriodically() collects garbage once a minute", () => {
  const scope = globalThis as { gc?: () => void };
  const before = scope.gc;
  let collections = 0;
  scope.gc = () => collections++;
  try {
    const reactor = new FakeReactor();
    collectPeriodically(reactor);
    for (let second = 0; second < 150; second++) {
      reactor.clock.advance(1000);
      reactor.settle();
    }
    assertEquals(collections, 2);
  } finally {
    if (before) scope.gc = before;
    else delete scope.gc;
  }
});
