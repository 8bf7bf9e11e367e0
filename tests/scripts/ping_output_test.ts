import { assertEquals, assertThrows } from "@std/assert";
import { packetsOf, roundTripsOf } from "../../scripts/ping_output.ts";

Deno.test("roundTripsOf() parses the round trips in the summary of ping(8)", () => {
  assertEquals(
    roundTripsOf("rtt min/avg/max/mdev = 0.014/0.038/0.353/0.024 ms\n"),
    { smallest: 14, average: 38 },
  );
  assertThrows(
    () => roundTripsOf("100% packet loss"),
    Error,
    "ping reports no round trip",
  );
});

Deno.test("packetsOf() parses the packet counts in the summary of ping(8)", () => {
  assertEquals(
    packetsOf("5 packets transmitted, 4 received, 20% packet loss, time 4ms"),
    { sent: 5, received: 4 },
  );
  assertThrows(() => packetsOf(""), Error, "ping reports no packets");
});
