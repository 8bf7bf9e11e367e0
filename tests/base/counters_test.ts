import { assertEquals } from "@std/assert";
import { Counters } from "../../src/base/counters.ts";

Deno.test("Counters increments counters by name and by index", () => {
  const counters = new Counters(["a", "b"]);
  counters.add("a");
  counters.add("b", 5);
  counters.values[counters.index("b")]!++;
  assertEquals([counters.get("a"), counters.get("b")], [1, 6]);
  assertEquals(counters.snapshot(), { a: 1, b: 6 });
  assertEquals(counters.names, ["a", "b"]);
});

Deno.test("Counters holds values of more than 32 bits", () => {
  const counters = new Counters(["bytes"]);
  counters.add("bytes", 2 ** 40);
  counters.add("bytes");
  assertEquals(counters.get("bytes"), 2 ** 40 + 1);
});
