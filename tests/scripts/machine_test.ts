import { assert, assertEquals } from "@std/assert";
import { factor, measureSlowness, slowness } from "../../scripts/machine.ts";

Deno.test("factor() returns the ratio to the usual time, at least 1", () => {
  assertEquals([factor(300, 150), factor(160, 150), factor(20, 150)], [
    ...[2, 1.1, 1],
  ]);
});

Deno.test("measureSlowness() returns at least 1", () => {
  assert(measureSlowness() >= 1);
});

Deno.test("slowness() returns IPOIB_SLOWNESS, or 1 if it is unset", () => {
  const value = Deno.env.get("IPOIB_SLOWNESS");
  assertEquals(slowness(), value === undefined ? 1 : Number(value));
});
