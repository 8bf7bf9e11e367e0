import { assertEquals, assertThrows } from "@std/assert";
import { rttOf } from "../../../scripts/bench/ping.ts";

Deno.test("rttOf() reads what ping(8) reports", () => {
  assertEquals(
    rttOf("rtt min/avg/max/mdev = 0.014/0.038/0.353/0.024 ms\n"),
    { smallest: 14, average: 38 },
  );
  assertThrows(() => rttOf("100% packet loss"), Error, "no round trip");
});
