import { assert } from "@std/assert";
import { MonotonicClock } from "../../src/system/clock.ts";

Deno.test("MonotonicClock is monotonic and advances like performance.now()", async () => {
  const clock = new MonotonicClock();
  const before = performance.now();
  const first = clock.now();
  await new Promise((resolve) => setTimeout(resolve, 20));
  const passed = clock.now() - first;
  assert(passed >= 15, `${passed} ms`);
  assert(passed <= performance.now() - before, `${passed} ms`);
  let last = clock.now();
  for (let i = 0; i < 1000; i++) {
    const now = clock.now();
    assert(now >= last);
    last = now;
  }
});
