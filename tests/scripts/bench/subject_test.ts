import { assertEquals, assertGreaterOrEqual } from "@std/assert";
import {
  addressesOf,
  cpuBetween,
  cpuOf,
  cpuOfAll,
  endsOf,
} from "../../../scripts/bench/subject.ts";

Deno.test("endsOf() makes something for each end, in order", () => {
  assertEquals(endsOf(2, (end) => end), [0, 1]);
  assertEquals(endsOf(4, (end) => end), [0, 1, 2, 3]);
});

Deno.test("addressesOf() ends in the number that the splice sends by", () => {
  assertEquals(addressesOf(3, 3), ["10.98.3.1", "10.98.3.2", "10.98.3.3"]);
});

Deno.test("cpuOf() reads a process's time", () => {
  const { user, all } = cpuOf(Deno.pid);
  assertGreaterOrEqual(user, 0);
  assertGreaterOrEqual(all, user);
  const both = cpuOfAll([Deno.pid, Deno.pid]);
  assertGreaterOrEqual(both.user, 2 * user);
  assertGreaterOrEqual(both.all, 2 * all);
});

Deno.test("cpuBetween() is what was used from one look to the next", () => {
  assertEquals(
    cpuBetween({ user: 1, all: 3 }, { user: 1.5, all: 4 }),
    { user: 0.5, all: 1 },
  );
});
