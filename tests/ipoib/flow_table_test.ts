import { assertEquals } from "@std/assert";
import { FlowTable } from "../../src/ipoib/flow_table.ts";
import { random } from "../wire/support.ts";

Deno.test("FlowTable finds what a map finds, with keys of 1 to 10 words that differ in one bit", () => {
  const next = random(77);
  for (const words of [1, 4, 10]) {
    const table = new FlowTable<number>(words);
    const map = new Map<string, number>();
    const key = new Int32Array(10);
    for (let n = 0; n < 4000; n++) {
      // Sparse keys, so that some occur more than once.
      key.fill(0);
      key[next(words)] = 1 << next(32);
      key[next(words)]! ^= next(64);
      const text = key.subarray(0, words).join();
      assertEquals(table.find(key), map.get(text));
      table.set(key, n);
      map.set(text, n);
    }
    assertEquals(table.size, map.size);
    for (const [text, value] of map) {
      key.set(text.split(",").map(Number));
      assertEquals(table.find(key), value);
    }
  }
});

Deno.test("FlowTable ignores words beyond the key, and is empty after clear()", () => {
  const table = new FlowTable<string>(2);
  table.set(Int32Array.of(1, 2, 3), "a");
  assertEquals(table.find(Int32Array.of(1, 2, 99)), "a");
  table.set(Int32Array.of(1, 2, 4), "b");
  assertEquals([table.size, table.find(Int32Array.of(1, 2))], [1, "b"]);
  table.clear();
  assertEquals([table.size, table.find(Int32Array.of(1, 2))], [0, undefined]);
});
