/** Part "resources": runs each scenario once in a new lab. */

import { Lab } from "../../../tests/e2e/harness/mod.ts";
import type { PartOptions, Row } from "../part.ts";
import { limitScenarios } from "./limits.ts";
import { runtimeDirectoryScenarios } from "./runtime_directory.ts";
import type { Scenario } from "./scenario.ts";
import { stormScenarios } from "./storms.ts";
import { systemScenarios } from "./system.ts";

export const SCENARIOS: readonly Scenario[] = [
  ...runtimeDirectoryScenarios,
  ...limitScenarios,
  ...systemScenarios,
  ...stormScenarios,
];

/** Runs the part. */
export async function runResources(
  { only, minutes, say }: PartOptions,
): Promise<Row[]> {
  const end = performance.now() + minutes * 60_000;
  const rows: Row[] = [];
  for (const scenario of SCENARIOS) {
    const { name, expected } = scenario;
    if (only.length > 0 && !only.includes(name)) continue;
    if (performance.now() > end) break;
    const missing = scenario.missing?.();
    const row = missing === undefined
      ? await runScenario(scenario)
      : { what: name, times: 0, failures: [], note: `skipped: ${missing}` };
    const failure = row.failures[0];
    say(`${name}: ${failure ?? row.note ?? expected}`);
    rows.push(row);
  }
  return rows;
}

async function runScenario(
  { name, expected, run }: Scenario,
): Promise<Row> {
  await using lab = await Lab.open();
  try {
    const result = await run(lab);
    return {
      what: name,
      times: 1,
      failures: [],
      note: result ? `${expected}: ${result}` : expected,
    };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return {
      what: name,
      times: 1,
      failures: [`not as expected (${expected}): ${message.slice(0, 2000)}`],
    };
  }
}
