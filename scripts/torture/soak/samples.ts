/** What processes held in the course of a run, and whether it stayed the same. */

import { type ProcessState, processState } from "../process_state.ts";
import { table } from "../report.ts";

/** The part of the run after which nothing may grow any more. */
const WARM_UP = 0.1;
/** Memory may differ by so much; a run under LONG_MS may add a little more, since the runtime still settles. */
const RSS_SLACK = 0.05;
const LONG_MS = 5 * 60_000;
const SHORT_SLACK_KIB = 48 * 1024;
/** Descriptors and mappings of a link or two that come and go. */
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

  take(packets: number): void {
    this.#samples.push({
      ms: performance.now() - this.#start,
      packets,
      states: this.#pids.map((pid) => processState(pid)),
    });
  }

  /** What grew, by process; empty if everything is flat. */
  growth(): Record<string, string[]> {
    const end = this.#samples.at(-1)!.ms;
    const between = (from: number, to: number) =>
      this.#samples.filter(({ ms }) => ms >= from * end && ms <= to * end);
    const early = between(WARM_UP, 2 * WARM_UP);
    const late = between(1 - WARM_UP, 1);
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

  /** Some of the samples, at even distances. */
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
