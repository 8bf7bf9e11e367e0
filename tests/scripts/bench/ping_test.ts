import { assertEquals, assertThrows } from "@std/assert";
import { rttOf } from "../../../scripts/bench/ping.ts";

Deno.test("rttOf() reads the average of ping(8)", () => {
  assertEquals(
    rttOf("rtt min/avg/max/mdev = 0.014/0.038/0.353/0.024 ms\n"),
    38,
  );
  assertThrows(() => rttOf("100% packet loss"), Error, "no round trip");
});
