/** A few seconds of `deno task torture soak`. */

import { assertEquals, assertGreater } from "@std/assert";
import { Cleanup } from "../../scripts/cleanup.ts";
import { patient } from "../../scripts/machine.ts";
import { runSoak } from "../../scripts/torture/soak/run_soak.ts";

/** Long enough for samples at the start and the end. */
const MINUTES = patient(0.1);
const SEED = 1;

Deno.test("memory, descriptors and mappings stay constant under full load while hosts start and stop", async () => {
  const lines: string[] = [];
  const rows = await runSoak({
    minutes: MINUTES,
    seed: SEED,
    only: [],
    say: (line) => void lines.push(line),
    cleanup: new Cleanup(),
  });
  const failures = rows.flatMap(({ failures }) => failures);
  assertEquals(failures, [], lines.join("\n"));
  assertGreater(rows[0]!.times, 0);
});
