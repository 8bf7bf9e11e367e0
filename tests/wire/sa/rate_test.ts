import { assert, assertEquals } from "@std/assert";
import { RATE_CODES_BY_SPEED, rateMbps } from "../../../src/wire/sa/rate.ts";
import {
  packSelector,
  Selector,
  selectorAllows,
  selectorOf,
  valueOf,
} from "../../../src/wire/sa/selector.ts";

Deno.test("rateMbps() knows codes 2 to 22 and no other", () => {
  assertEquals(rateMbps(2), 2500);
  assertEquals(rateMbps(3), 10000);
  assertEquals(rateMbps(7), 40000);
  assertEquals(rateMbps(10), 120000);
  assertEquals(rateMbps(12), 56250);
  assertEquals(rateMbps(16), 103125);
  assertEquals(rateMbps(20), 53125);
  assertEquals(rateMbps(22), 637500);
  assertEquals([0, 1, 23, 63].map(rateMbps), Array(4).fill(undefined));
});

Deno.test("RATE_CODES_BY_SPEED ascends in speed, not in code", () => {
  assertEquals(RATE_CODES_BY_SPEED.length, 21);
  assertEquals(RATE_CODES_BY_SPEED.slice(0, 4), [2, 5, 3, 11]);
  for (let i = 1; i < RATE_CODES_BY_SPEED.length; i++) {
    assert(
      rateMbps(RATE_CODES_BY_SPEED[i - 1]!)! <
        rateMbps(RATE_CODES_BY_SPEED[i]!)!,
    );
  }
});

Deno.test("packSelector() puts the selector above the value", () => {
  assertEquals(packSelector(Selector.Exactly, 4), 0x84);
  assertEquals(selectorOf(0x84), 2);
  assertEquals(valueOf(0xff), 63);
});

Deno.test("selectorAllows() compares magnitudes", () => {
  assertEquals(selectorAllows(Selector.GreaterThan, 2048, 2048), false);
  assertEquals(selectorAllows(Selector.GreaterThan, 2048, 4096), true);
  assertEquals(selectorAllows(Selector.LessThan, 2048, 1024), true);
  assertEquals(selectorAllows(Selector.LessThan, 2048, 2048), false);
  assertEquals(selectorAllows(Selector.Exactly, 2048, 2048), true);
  assertEquals(selectorAllows(Selector.Exactly, 2048, 4096), false);
  assertEquals(selectorAllows(Selector.Best, 2048, 256), true);
});
