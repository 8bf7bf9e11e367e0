import { assertEquals } from "@std/assert";
import { Counters } from "../../src/base/counters.ts";

Deno.test("Counters count by name and by position", () => {
  const counters = new Counters(["a", "b"]);
  counters.add("a");
  counters.add("b", 5);
  counters.values[counters.index("b")]!++;
  assertEquals([counters.get("a"), counters.get("b")], [1, 6]);
  assertEquals(counters.snapshot(), { a: 1, b: 6 });
  assertEquals(counters.names, ["a", "b"]);
});

Deno.test("Counters hold more than 32 bits", () => {
  const counters = new Counters(["bytes"]);
  counters.add("bytes", 2 ** 40);
  counters.add("bytes");
  assertEquals(counters.get("bytes"), 2 ** 40 + 1);
});
