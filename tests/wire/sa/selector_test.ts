import { assertEquals } from "@std/assert";
import {
  packSelector,
  Selector,
  selectorAllows,
  selectorOf,
  valueOf,
} from "../../../src/wire/sa/selector.ts";

Deno.test("packSelector() puts the selector above the value", () => {
  assertEquals(packSelector(Selector.Exactly, 4), 0x84);
  assertEquals(selectorOf(0x84), 2);
  assertEquals(valueOf(0xff), 63);
});

Deno.test("selectorAllows() compares values by the selector", () => {
  assertEquals(selectorAllows(Selector.GreaterThan, 2048, 2048), false);
  assertEquals(selectorAllows(Selector.GreaterThan, 2048, 4096), true);
  assertEquals(selectorAllows(Selector.LessThan, 2048, 1024), true);
  assertEquals(selectorAllows(Selector.LessThan, 2048, 2048), false);
  assertEquals(selectorAllows(Selector.Exactly, 2048, 2048), true);
  assertEquals(selectorAllows(Selector.Exactly, 2048, 4096), false);
  assertEquals(selectorAllows(Selector.Best, 2048, 256), true);
});
