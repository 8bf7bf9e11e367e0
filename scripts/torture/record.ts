/** Record of all runs in record.json. */

import type { Row } from "./part.ts";
import { table } from "./report.ts";

const FILE = new URL("record.json", import.meta.url);

/** A run of a part. */
export interface RunRecord {
  readonly date: string;
  readonly part: string;
  readonly seed: number;
  readonly minutes: number;
  readonly rows: readonly {
    readonly what: string;
    readonly times: number;
    readonly failures: number;
  }[];
}

function readRecord(): RunRecord[] {
  try {
    return JSON.parse(Deno.readTextFileSync(FILE));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Appends a run to the record and returns all runs. */
export function addRun(
  run: Omit<RunRecord, "rows">,
  rows: readonly Row[],
): RunRecord[] {
  const entry: RunRecord = {
    ...run,
    rows: rows.map(({ what, times, failures }) => ({
      what,
      times,
      failures: failures.length,
    })),
  };
  const all = [...readRecord(), entry];
  // One line for each run, so that runs of several branches merge.
  const lines = all.map((each) => JSON.stringify(each)).join(",\n");
  Deno.writeTextFileSync(FILE, `[\n${lines}\n]\n`);
  return all;
}

/** Returns the lines of a table with the totals of all runs of a part. */
export function totalLines(part: string, runs: readonly RunRecord[]): string[] {
  const own = runs.filter((run) => run.part === part);
  const sums = new Map<string, { times: number; failures: number }>();
  for (const { what, times, failures } of own.flatMap(({ rows }) => rows)) {
    const sum = sums.get(what) ?? { times: 0, failures: 0 };
    sums.set(what, {
      times: sum.times + times,
      failures: sum.failures + failures,
    });
  }
  const total = [...sums.values()].reduce((all, { times }) => all + times, 0);
  return [
    "",
    ...table([
      [`${part}, ${own.length} runs`, "times", "failures"],
      ...[...sums].map(([what, { times, failures }]) => [
        what,
        String(times),
        String(failures),
      ]),
      ["all", String(total), ""],
    ]),
  ];
}
