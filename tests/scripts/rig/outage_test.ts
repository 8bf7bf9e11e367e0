import { assertEquals } from "@std/assert";
import { answerTimes, outageOf } from "../../../scripts/rig/outage.ts";

const PINGS = `\
PING 10.44.0.1 (10.44.0.1) 56(84) bytes of data.
[100.000000] 64 bytes from 10.44.0.1: icmp_seq=1 ttl=64 time=1.2 ms
[100.100000] 64 bytes from 10.44.0.1: icmp_seq=2 ttl=64 time=1.2 ms
[100.150000] From 10.44.0.3 icmp_seq=3 Destination Host Unreachable
[102.200000] 64 bytes from 10.44.0.1: icmp_seq=23 ttl=64 time=1.2 ms
`;

Deno.test("answerTimes() returns only the times of replies", () => {
  assertEquals(answerTimes(PINGS), [100_000, 100_100, 102_200]);
});

Deno.test("outageOf() returns the longest pause and the time to the first reply after the event", () => {
  const times = answerTimes(PINGS);
  assertEquals(outageOf(times, 100_050, 100), { pauseMs: 2000, resumedMs: 50 });
  assertEquals(outageOf(times, 101_000, 500), {
    pauseMs: 1600,
    resumedMs: 1200,
  });
  assertEquals(outageOf(times, 103_000, 100), {
    pauseMs: 2000,
    resumedMs: Infinity,
  });
});
