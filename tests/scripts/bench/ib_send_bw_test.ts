import { assertEquals, assertThrows } from "@std/assert";
import { growthOf } from "../../../scripts/bench/guests/ib_send_bw.ts";

Deno.test("growthOf() returns the increase of the counters during ib_send_bw", () => {
  assertEquals(growthOf("count 10 7 \nwhatever\ncount 110 77 \n"), [100, 70]);
  assertThrows(() => growthOf("count 10 7"), Error, "printed no counters");
});
