/** Report of a run of several suites. */

import { type Finished, type Outcome, slowest } from "./outcome.ts";
import { allowance } from "./skips.ts";

const SLOWEST = 10;

export class Report {
  passed = 0;
  failed = 0;
  readonly #ci: boolean;
  readonly #suites: string[] = [];
  readonly #skips: string[] = [];
  readonly #refusedSkips: string[] = [];
  readonly #failures: string[] = [];
  readonly #finished: (Finished & { suite: string })[] = [];

  /** @param ci true if a skip that is not allowed counts as a failure */
  constructor(ci: boolean) {
    this.#ci = ci;
  }

  /** Adds a skipped suite. */
  skip(suite: string, reason: string): void {
    this.#skip(`suite ${suite}: ${reason}`);
  }

  /** Adds the result and duration of a suite. */
  add(suite: string, outcome: Outcome, ms: number): void {
    const { passed, failed, ignored, left } = outcome;
    this.passed += passed;
    this.failed += failed;
    this.#finished.push(
      ...outcome.finished.map((test) => ({ ...test, suite })),
    );
    const extras = [
      ...ignored.length > 0 ? [`, ${ignored.length} ignored`] : [],
      ...left.length > 0 ? [`, ${left.length} left behind`] : [],
    ];
    this.#suites.push(
      `${suite.padEnd(10)} ${seconds(ms)}  ${passed} passed, ${failed} failed${
        extras.join("")
      }`,
    );
    if (failed > 0) {
      this.#failures.push(
        "",
        `Failures of ${suite}:`,
        ...left.map((what) => `  left behind: ${what}`),
        ...outcome.errors.map((line) => line && `  ${line}`),
      );
    }
    for (const name of ignored) this.#skip(`test ${suite}: ${name}`);
  }

  /**
   * Returns the lines of the report: suites with times, slowest tests, skips with reasons, failures, and the result as
   * the last line.
   */
  lines(): string[] {
    const tests = slowest(this.#finished, SLOWEST).map(({ suite, name, ms }) =>
      `  ${seconds(ms)}  ${suite}: ${name}`
    );
    return [
      "",
      ...this.#suites,
      ...this.#finished.length > SLOWEST
        ? ["", "The slowest tests:", ...tests]
        : [],
      ...this.#skips.length > 0 ? ["", "Skipped:", ...this.#skips] : [],
      ...this.#failures,
      ...this.#refusedSkips.length > 0
        ? [
          "",
          "Failures of skips that are not allowed here:",
          ...this.#refusedSkips,
        ]
        : [],
      "",
      `${this.passed} passed, ${this.failed} failed`,
    ];
  }

  #skip(what: string): void {
    const because = allowance(what);
    if (this.#ci && !because) {
      this.failed++;
      this.#refusedSkips.push(`  ${what}`);
    }
    const verdict = !this.#ci
      ? ""
      : because
      ? ` [allowed: ${because}]`
      : " [FAILED: not allowed here]";
    this.#skips.push(`  ${what}${verdict}`);
  }
}

/** Formats a duration for reports. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1).padStart(6)} s`;
}
