/** Reads what `deno test` prints: its summary line and the names of ignored tests. */

/** The result of one run of `deno test`. */
export interface Outcome {
  passed: number;
  failed: number;
  /** Names of ignored tests, steps with the name of their test in front. */
  ignored: string[];
}

// deno-lint-ignore no-control-regex
const ESCAPES = /\x1b\[[0-9;]*m/g;

/** The text without the colours that `deno test` gives it. */
export function withoutColours(text: string): string {
  return text.replace(ESCAPES, "");
}

const SUMMARY = /^(?:ok|FAILED) \| (\d+) passed(?: \([^)]*\))? \| (\d+) failed/;
const STARTED = /^(\s*)(.+) \.\.\.$/;
const IGNORED = /^(\s*)(.+) \.\.\. ignored \([^)]*\)$/;

/**
 * The outcome that the output tells. A run that ended with an error but tells of no failed test (a file that does
 * not load, a run that was cut short) counts as one failure.
 */
export function outcomeOf(output: string, success: boolean): Outcome {
  const outcome: Outcome = { passed: 0, failed: 0, ignored: [] };
  const parents: string[] = [];
  for (const line of withoutColours(output).split("\n")) {
    const summary = SUMMARY.exec(line);
    if (summary) {
      outcome.passed += Number(summary[1]);
      outcome.failed += Number(summary[2]);
      continue;
    }
    const ignored = IGNORED.exec(line);
    if (ignored) {
      const depth = ignored[1]!.length / 2;
      outcome.ignored.push(
        [...parents.slice(0, depth), ignored[2]!].join(" > "),
      );
      continue;
    }
    const started = STARTED.exec(line);
    if (started) {
      parents.length = Math.floor(started[1]!.length / 2);
      parents.push(started[2]!);
    }
  }
  if (!success && outcome.failed === 0) outcome.failed = 1;
  return outcome;
}
