/** The limits on tables, which follow the kernel's limit on neighbours. */

import { assertEquals } from "@std/assert";
import { FakeClock } from "../../src/base/clock.ts";
import {
  DEFAULT_MAX_NEIGHBOURS,
  MAX_NEIGHBOURS,
  MIN_MAX_NEIGHBOURS,
  SPARE_PEERS,
} from "../../src/ipoib/constants.ts";
import { TableLimits } from "../../src/ipoib/table_limits.ts";

/** Limits of an interface whose kernel has the limit `maximum`, and `permanent` PERMANENT entries. */
function setup(maximum: number | undefined, permanent = 0) {
  const clock = new FakeClock();
  const kernel = { maximum, reads: 0, permanent };
  const limits = new TableLimits(
    clock,
    {
      limit: () => {
        kernel.reads++;
        return kernel.maximum;
      },
    },
    () => kernel.permanent,
  );
  return { clock, kernel, limits };
}

Deno.test("the limits on neighbours, peers and paths follow the kernel's limit", () => {
  const { limits } = setup(8192);
  assertEquals(
    [limits.neighbours, limits.peers, limits.paths],
    [8192, 8192 + SPARE_PEERS, 8192 + SPARE_PEERS],
  );
});

Deno.test("the limit on neighbours has a minimum, a maximum and a default", () => {
  for (
    const [maximum, expected] of [
      [0, MIN_MAX_NEIGHBOURS],
      [2 ** 32, MAX_NEIGHBOURS],
      [undefined, DEFAULT_MAX_NEIGHBOURS],
    ]
  ) assertEquals(setup(maximum).limits.neighbours, expected);
});

Deno.test("PERMANENT entries of the kernel do not count towards the limit, up to the maximum", () => {
  const { kernel, limits } = setup(2048, 500);
  assertEquals(limits.neighbours, 2548);
  kernel.permanent = 2 ** 20;
  assertEquals(limits.neighbours, MAX_NEIGHBOURS);
});

Deno.test("the kernel's limit is read again once a minute, and once a second while a table is full", () => {
  const { clock, kernel, limits } = setup(2048);
  kernel.maximum = 4096;
  clock.advance(999);
  assertEquals(limits.forNew("neighbours", 2048), 2048);
  clock.advance(1);
  assertEquals(limits.forNew("neighbours", 2047), 2048);
  assertEquals(kernel.reads, 1);
  assertEquals(limits.forNew("neighbours", 2048), 4096);
  kernel.maximum = 1024;
  clock.advance(59_999);
  assertEquals(limits.forNew("paths", 100), 4096 + SPARE_PEERS);
  clock.advance(1);
  assertEquals(limits.forNew("paths", 100), 1024 + SPARE_PEERS);
  assertEquals(kernel.reads, 3);
});
