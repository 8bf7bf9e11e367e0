/** Samples of the resources of processes during a run, and their growth. */

import { type ProcessState, processState } from "../process_state.ts";
import { table } from "../report.ts";

/** Fraction of the run after which resources must not grow. */
const WARM_UP = 0.1;
/**
 * Allowed relative growth of memory. A run shorter than LONG_MS may grow by SHORT_SLACK_KIB more while the runtime
 * warms up.
 */
const RSS_SLACK = 0.05;
const LONG_MS = 5 * 60_000;
const SHORT_SLACK_KIB = 48 * 1024;
/** Allowed growth of descriptors and mappings, for one or two links that open and close. */
const COUNT_SLACK = 12;
const ROWS = 20;

interface Sample {
  readonly ms: number;
  readonly packets: number;
  readonly states: readonly ProcessState[];
}

export class Samples {
  readonly #names: readonly string[];
  readonly #pids: readonly number[];
  readonly #samples: Sample[] = [];
  readonly #start = performance.now();

  constructor(processes: Readonly<Record<string, number>>) {
    this.#names = Object.keys(processes);
    this.#pids = Object.values(processes);
  }

  get packets(): number {
    return this.#samples.at(-1)?.packets ?? 0;
  }

  get count(): number {
    return this.#samples.length;
  }

  /** Adds a sample. Throws an Error if a process has exited. */
  take(packets: number): void {
    this.#samples.push({
      ms: performance.now() - this.#start,
      packets,
      states: this.#pids.map((pid) => processState(pid)),
    });
  }

  /**
   * Returns descriptions of growth by process; empty lists if the resources are stable. Without samples at the start or
   * the end, says so for each process.
   */
  growth(): Record<string, string[]> {
    const end = this.#samples.at(-1)?.ms ?? 0;
    const between = (from: number, to: number) =>
      this.#samples.filter(({ ms }) => ms >= from * end && ms <= to * end);
    const early = between(WARM_UP, 2 * WARM_UP);
    const late = between(1 - WARM_UP, 1);
    if (early.length === 0 || late.length === 0) {
      const why =
        `growth is unknown: ${early.length} samples after the warm-up, ${late.length} at the end`;
      return Object.fromEntries(this.#names.map((name) => [name, [why]]));
    }
    return Object.fromEntries(this.#names.map((name, i) => {
      const grown: string[] = [];
      const most = (samples: Sample[], field: keyof ProcessState) =>
        Math.max(...samples.map(({ states }) => states[i]![field]));
      const mean = (samples: Sample[]) =>
        samples.reduce((sum, { states }) => sum + states[i]!.rssKib, 0) /
        samples.length;
      const [before, after] = [mean(early), mean(late)];
      const slack = end < LONG_MS ? SHORT_SLACK_KIB : 0;
      if (after > before * (1 + RSS_SLACK) + slack) {
        grown.push(`RSS went from ${mib(before)} to ${mib(after)} MiB`);
      }
      for (const field of ["descriptors", "mappings"] as const) {
        const [from, to] = [most(early, field), most(late, field)];
        if (to > from + COUNT_SLACK) {
          grown.push(`${field} went from ${from} to ${to}`);
        }
      }
      return [name, grown];
    }));
  }

  /** Returns the lines of a table of samples at equal distances. */
  lines(): string[] {
    const step = Math.max(1, (this.#samples.length - 1) / (ROWS - 1));
    const rows: string[][] = [];
    for (let at = 0; at < this.#samples.length; at += step) {
      const { ms, packets, states } = this.#samples[Math.round(at)]!;
      rows.push([
        (ms / 1000).toFixed(0),
        String(packets),
        ...states.map(({ rssKib, anonymousKib, descriptors, mappings }) =>
          `${mib(rssKib)} (${mib(anonymousKib)}) / ${descriptors} / ${mappings}`
        ),
      ]);
    }
    const head = this.#names.map((name) =>
      `${name}: MiB (anonymous) / fds / maps`
    );
    return table([["second", "packets", ...head], ...rows]);
  }
}

function mib(kib: number): string {
  return (kib / 1024).toFixed(0);
}
