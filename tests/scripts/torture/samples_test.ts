/** Samples of the resources of processes. */

import { assertEquals } from "@std/assert";
import { Samples } from "../../../scripts/torture/soak/samples.ts";

Deno.test("without samples at the start of a run, the growth of each process is unknown, which is a failure", () => {
  const samples = new Samples({ one: Deno.pid, other: Deno.pid });
  const growth = (early: number, late: number) => {
    const why =
      `growth is unknown: ${early} samples after the warm-up, ${late} at the end`;
    return { one: [why], other: [why] };
  };
  assertEquals(samples.growth(), growth(0, 0));
  samples.take(1);
  assertEquals(samples.growth(), growth(0, 1));
});
