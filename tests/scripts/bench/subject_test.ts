import { assertEquals, assertGreaterOrEqual } from "@std/assert";
import {
  addressesOf,
  cpuSecondsOf,
  cpuSecondsOfAll,
  endsOf,
} from "../../../scripts/bench/subject.ts";

Deno.test("endsOf() makes something for each end, in order", () => {
  assertEquals(endsOf(2, (end) => end), [0, 1]);
  assertEquals(endsOf(4, (end) => end), [0, 1, 2, 3]);
});

Deno.test("addressesOf() ends in the number that the splice sends by", () => {
  assertEquals(addressesOf(3, 3), ["10.98.3.1", "10.98.3.2", "10.98.3.3"]);
});

Deno.test("cpuSecondsOf() reads a process's time", () => {
  const own = cpuSecondsOf(Deno.pid);
  assertGreaterOrEqual(own, 0);
  assertGreaterOrEqual(cpuSecondsOfAll([Deno.pid, Deno.pid]), 2 * own);
});
