/** Reads what `deno test` prints, while it prints it: tests that have finished, their times, the summary. */

import { LEFT_BEHIND } from "./isolation.ts";

/** A test that has finished. */
export interface Finished {
  readonly name: string;
  readonly ms: number;
}

/** The result of one run of `deno test`. */
export interface Outcome {
  passed: number;
  failed: number;
  /** Names of ignored tests, steps with the name of their test in front. */
  ignored: string[];
  /** Tests that passed or failed, in their order. */
  finished: Finished[];
  /** What the run left behind, each of which is one of the failures. */
  left: string[];
  /** The errors as `deno test` prints them, without blank lines at either end. */
  errors: string[];
}

// deno-lint-ignore no-control-regex
const ESCAPES = /\x1b\[[0-9;]*m/g;

/** The text without the colours that `deno test` gives it. */
export function withoutColours(text: string): string {
  return text.replace(ESCAPES, "");
}

const ERRORS = " ERRORS ";
const FAILURES = " FAILURES ";
const SUMMARY = /^(?:ok|FAILED) \| (\d+) passed(?: \([^)]*\))? \| (\d+) failed/;
const STARTED = /^(\s*)(.+) \.\.\.$/;
const ENDED =
  /^(\s*)(.+) \.\.\. (ok|FAILED|ignored)(?: \([^)]*\))* \(([^)]*)\)$/;

/** Takes the output of one run piece by piece. */
export class OutcomeReader {
  readonly #ignored: string[] = [];
  readonly #finished: Finished[] = [];
  readonly #left: string[] = [];
  readonly #errors: string[] = [];
  #inErrors = false;
  readonly #parents: string[] = [];
  #line = "";
  #passed = 0;
  #failed = 0;
  #summary: { passed: number; failed: number } | undefined;

  /** How many tests have finished, ignored ones included. */
  get progress(): number {
    return this.#finished.length + this.#ignored.length;
  }

  /** The test that runs, with its step if there is one; undefined between tests. */
  get running(): string | undefined {
    return this.#parents.length > 0 ? this.#parents.join(" > ") : undefined;
  }

  take(text: string): void {
    const lines = (this.#line + text).split("\n");
    this.#line = lines.pop()!;
    for (const line of lines) this.#takeLine(withoutColours(line));
    // The name of a test that has begun stands on a line that is not ended yet.
    this.#begin(withoutColours(this.#line));
  }

  /**
   * What became of it. A run that ended with an error but tells of no failed test (a file that does not load, a run
   * that was cut short) has one failure.
   */
  outcome(success: boolean): Outcome {
    this.#takeLine(withoutColours(this.#line));
    this.#line = "";
    const { passed, failed } = this.#summary ??
      { passed: this.#passed, failed: this.#failed };
    return {
      passed,
      failed: (!success && failed === 0 ? 1 : failed) + this.#left.length,
      ignored: this.#ignored,
      finished: this.#finished,
      left: this.#left,
      errors: trimmed(this.#errors),
    };
  }

  #takeLine(line: string): void {
    if (line === ERRORS || line === FAILURES) {
      this.#inErrors = line === ERRORS;
      return;
    }
    if (this.#inErrors) {
      this.#errors.push(line);
      return;
    }
    const summary = SUMMARY.exec(line);
    if (summary) {
      this.#summary = {
        passed: Number(summary[1]) + (this.#summary?.passed ?? 0),
        failed: Number(summary[2]) + (this.#summary?.failed ?? 0),
      };
      return;
    }
    if (line.startsWith(LEFT_BEHIND)) {
      this.#left.push(line.slice(LEFT_BEHIND.length));
      return;
    }
    const ended = ENDED.exec(line);
    if (ended) this.#end(ended[1]!.length / 2, ended[2]!, ended[3]!, ended[4]!);
    else this.#begin(line);
  }

  #begin(line: string): void {
    const started = STARTED.exec(line);
    if (!started) return;
    this.#parents.length = Math.min(
      this.#parents.length,
      Math.floor(started[1]!.length / 2),
    );
    this.#parents.push(started[2]!);
  }

  #end(depth: number, name: string, verdict: string, time: string): void {
    this.#parents.length = Math.min(this.#parents.length, Math.floor(depth));
    if (verdict === "ignored") {
      this.#ignored.push([...this.#parents, name].join(" > "));
    } else if (depth === 0) {
      if (verdict === "ok") this.#passed++;
      else this.#failed++;
      this.#finished.push({ name, ms: milliseconds(time) });
    }
  }
}

/** The lines without blank ones at either end. */
function trimmed(lines: readonly string[]): string[] {
  const first = lines.findIndex((line) => line !== "");
  const last = lines.findLastIndex((line) => line !== "");
  return first < 0 ? [] : lines.slice(first, last + 1);
}

/** The outcome of a run that is over. */
export function outcomeOf(output: string, success: boolean): Outcome {
  const reader = new OutcomeReader();
  reader.take(output);
  return reader.outcome(success);
}

const UNIT_MS: Record<string, number> = {
  "µs": 0.001,
  us: 0.001,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** `1m2s`, `870µs` and the like. */
function milliseconds(text: string): number {
  let sum = 0;
  for (const [, number, unit] of text.matchAll(/([\d.]+)([a-zµ]+)/g)) {
    sum += Number(number) * (UNIT_MS[unit!] ?? NaN);
  }
  return sum;
}

/** The slowest of some tests, the slowest first. */
export function slowest<T extends Finished>(
  tests: readonly T[],
  count: number,
): T[] {
  return [...tests].sort((a, b) => b.ms - a.ms).slice(0, count);
}
