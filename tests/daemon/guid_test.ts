import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { guidOf, makeGuid } from "../../src/daemon/guid.ts";

Deno.test("guidOf() is deterministic and sets the local bit", () => {
  assertEquals(guidOf("a", "b"), guidOf("a", "b"));
  for (const words of [[], [""], ["machine", "4026531840", "ib0"]]) {
    assertEquals(guidOf(...words) >> 56n, 0x02n);
  }
});

Deno.test("guidOf() is the 64-bit FNV-1a hash except for its first byte", () => {
  // Of "a", from the algorithm's published vectors: af63dc4c8601ec8c.
  assertEquals(guidOf("a"), 0x0263dc4c8601ec8cn);
  // Of "foobar": 85944171f73967e8.
  assertEquals(guidOf("foobar"), 0x02944171f73967e8n);
});

Deno.test("guidOf() returns different GUIDs for different names", () => {
  assertNotEquals(guidOf("ab", "c"), guidOf("a", "bc"));
  const many = new Set(
    Array.from({ length: 1000 }, (_, i) => guidOf(`ib${i}`)),
  );
  assertEquals(many.size, 1000);
});

Deno.test("makeGuid() is deterministic on one machine and sets the local bit", () => {
  assertEquals(makeGuid("ib0"), makeGuid("ib0"));
  assertNotEquals(makeGuid("ib0"), makeGuid("ib1"));
  assert(makeGuid("ib0") >> 56n === 2n);
});
