/** Parses the output of `deno test` as it arrives: finished tests, their times, and the summary. */

import { LEFT_BEHIND } from "./isolation.ts";

/** A finished test. */
export interface Finished {
  readonly name: string;
  readonly ms: number;
}

/** Result of a run of `deno test`. */
export interface Outcome {
  passed: number;
  failed: number;
  /** Names of ignored tests and steps; a step as "test > step". */
  ignored: string[];
  /** Passed and failed tests in order. */
  finished: Finished[];
  /** Leftovers of the run, each of which counts as a failure. */
  left: string[];
  /** Lines of the error section, without blank lines at the start and end. */
  errors: string[];
}

// deno-lint-ignore no-control-regex
const ESCAPES = /\x1b\[[0-9;]*m/g;

/** Removes color escape sequences. */
export function withoutColors(text: string): string {
  return text.replace(ESCAPES, "");
}

const ERRORS = " ERRORS ";
const FAILURES = " FAILURES ";
const SUMMARY = /^(?:ok|FAILED) \| (\d+) passed(?: \([^)]*\))? \| (\d+) failed/;
const STARTED = /^(\s*)(.+) \.\.\.$/;
const ENDED =
  /^(\s*)(.+) \.\.\. (ok|FAILED|ignored)(?: \([^)]*\))* \(([^)]*)\)$/;

/** Parses the output of a run in pieces. */
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

  /** Number of finished and ignored tests. */
  get progress(): number {
    return this.#finished.length + this.#ignored.length;
  }

  /** Number of tests that have failed. */
  get failed(): number {
    return this.#failed;
  }

  /** Name of the running test, with its step; undefined between tests. */
  get running(): string | undefined {
    return this.#parents.length > 0 ? this.#parents.join(" > ") : undefined;
  }

  /** Parses the next piece of output. */
  take(text: string): void {
    const lines = (this.#line + text).split("\n");
    this.#line = lines.pop()!;
    for (const line of lines) this.#takeLine(withoutColors(line));
    // The line of a running test has no line feed yet.
    this.#begin(withoutColors(this.#line));
  }

  /**
   * Returns the result. An unsuccessful run without a failed test, such as one whose file does not load or that was
   * killed, has one failure.
   */
  outcome(success: boolean): Outcome {
    this.#takeLine(withoutColors(this.#line));
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

/** Removes blank lines at the start and end. */
function trimmed(lines: readonly string[]): string[] {
  const first = lines.findIndex((line) => line !== "");
  const last = lines.findLastIndex((line) => line !== "");
  return first < 0 ? [] : lines.slice(first, last + 1);
}

/** Returns the result of a completed run. */
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

/** Parses a duration such as `1m2s` or `870µs`. */
function milliseconds(text: string): number {
  let sum = 0;
  for (const [, number, unit] of text.matchAll(/([\d.]+)([a-zµ]+)/g)) {
    sum += Number(number) * (UNIT_MS[unit!] ?? NaN);
  }
  return sum;
}

/** Returns the `count` slowest tests, slowest first. */
export function slowest<T extends Finished>(
  tests: readonly T[],
  count: number,
): T[] {
  return [...tests].sort((a, b) => b.ms - a.ms).slice(0, count);
}
