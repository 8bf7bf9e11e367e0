import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { internetChecksum } from "../../src/wire/checksum.ts";
import { SummedMemory } from "../../src/wire/summed_memory.ts";

const SIZE = 2 * 65_536;

/** Returns the sum of the words, folded, from the checksum of another implementation. */
function expected({ view }: SummedMemory, at: number, length: number): number {
  return ~internetChecksum(view, at, length) & 0xffff;
}

Deno.test("SummedMemory sums any number of bytes at any offset", () => {
  const memory = new SummedMemory(SIZE);
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 700 }),
      fc.nat(300),
      (bytes, at) => {
        memory.bytes.set(bytes, at);
        const sum = memory.sum(at, bytes.length);
        assertEquals(sum, expected(memory, at, bytes.length));
      },
    ),
  );
});

Deno.test("SummedMemory sums 64 KiB of ones without overflow, and nothing as 0", () => {
  const memory = new SummedMemory(SIZE);
  assertEquals(memory.sum(0, SIZE), 0);
  memory.bytes.fill(0xff);
  for (const length of [0, 1, 2, 3, 63, 64, 65, 65_535, 65_536]) {
    assertEquals(memory.sum(1, length), expected(memory, 1, length));
  }
  assertEquals(memory.sum(SIZE - 1, 1), 0xff00);
});

Deno.test("SummedMemory sums up to 512 KiB of ones without overflow", () => {
  const most = 1 << 19;
  const memory = new SummedMemory(most);
  memory.bytes.fill(0xff);
  for (const length of [most - 64, most - 2, most]) {
    assertEquals(memory.sum(0, length), 0xffff, `${length}`);
    assertEquals(memory.sum(0, length - 1), 0xff00, `${length - 1}`);
  }
});

Deno.test("SummedMemory refuses bytes outside the memory", () => {
  const memory = new SummedMemory(SIZE);
  for (const [at, length] of [[SIZE - 1, 2], [SIZE, 1], [-1, 4], [0, -1]]) {
    assertThrows(() => memory.sum(at!, length!), WebAssembly.RuntimeError);
  }
});
