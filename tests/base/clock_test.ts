import { assertEquals } from "@std/assert";
import { FakeClock } from "../../src/base/clock.ts";

Deno.test("FakeClock advances only by advance()", () => {
  const clock = new FakeClock(100);
  assertEquals([clock.now(), clock.now()], [100, 100]);
  clock.advance(2.5);
  assertEquals(clock.now(), 102.5);
  assertEquals(new FakeClock().now(), 0);
});
