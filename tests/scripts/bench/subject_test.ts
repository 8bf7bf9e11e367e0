import { assertEquals, assertGreaterOrEqual } from "@std/assert";
import {
  addressesOf,
  cpuBetween,
  cpuOf,
  cpuOfAll,
  endsOf,
} from "../../../scripts/bench/subject.ts";

Deno.test("endsOf() calls its function for each end in order", () => {
  assertEquals(endsOf(2, (end) => end), [0, 1]);
  assertEquals(endsOf(4, (end) => end), [0, 1, 2, 3]);
});

Deno.test("addressesOf() returns one address per end, with 1 as the last byte of the first", () => {
  assertEquals(addressesOf(3, 3), ["10.98.3.1", "10.98.3.2", "10.98.3.3"]);
});

Deno.test("cpuOf() returns the CPU time of a process", () => {
  const { user, all } = cpuOf(Deno.pid);
  assertGreaterOrEqual(user, 0);
  assertGreaterOrEqual(all, user);
  const both = cpuOfAll([Deno.pid, Deno.pid]);
  assertGreaterOrEqual(both.user, 2 * user);
  assertGreaterOrEqual(both.all, 2 * all);
});

Deno.test("cpuBetween() returns the difference of two CPU times", () => {
  assertEquals(
    cpuBetween({ user: 1, all: 3 }, { user: 1.5, all: 4 }),
    { user: 0.5, all: 1 },
  );
});
