import { assert, assertEquals } from "@std/assert";
import { factor, measureSlowness, slowness } from "../../scripts/machine.ts";

Deno.test("factor() is what something took beside the usual, and never below 1", () => {
  assertEquals([factor(300, 150), factor(160, 150), factor(20, 150)], [
    ...[2, 1.1, 1],
  ]);
});

Deno.test("measureSlowness() is a number from 1 on", () => {
  assert(measureSlowness() >= 1);
});

Deno.test("slowness() is 1 where nothing was measured", () => {
  const value = Deno.env.get("IPOIB_SLOWNESS");
  assertEquals(slowness(), value === undefined ? 1 : Number(value));
});
