/** How long traffic stood still: pings on several flows at once while something happens to the fabric. */

import type { Guest } from "./guest.ts";
import { report } from "./report.ts";

const INTERVAL_MS = 100;
/** A flow that has this many answers in a second runs again: the machines are slow. */
const STEADY = 3;

/** Pings from a guest to an address. */
export interface Flow {
  readonly name: string;
  readonly from: Guest;
  readonly to: string;
  /** For comparison: what does not run when the others do counts as lost. */
  readonly beside?: true;
}

/** What became of a flow, in milliseconds; `Infinity` if it did not come back. */
export interface Outage {
  /** The longest time between two answers, less the interval between pings. */
  readonly pauseMs: number;
  /** From the end of what happened to the first answer. */
  readonly resumedMs: number;
}

export interface OutageOptions {
  /** What happens, for the report. */
  title: string;
  inject(): Promise<unknown>;
  /** After so many seconds on a usual machine a flow that stands still counts as lost. */
  limit: number;
}

/** Pings on all flows while `inject` runs and until they run again; one outage for each flow, which is also reported. */
export async function outages(
  flows: readonly Flow[],
  { title, inject, limit: usual }: OutageOptions,
): Promise<Outage[]> {
  const limit = Math.max(...flows.map(({ from }) => from.patient(usual)));
  const logs = flows.map((_, i) => `/tmp/flow.${i}.log`);
  await Promise.all(flows.map(({ from, to }, i) =>
    from.must(
      // With a time limit of its own (-w) ping would end at the first ICMP error.
      `timeout ${limit + 600} stdbuf -oL ping -D -n -i ${
        INTERVAL_MS / 1000
      } ${to} > ${logs[i]} 2>&1 & echo $! > ${logs[i]}.pid; sleep 1`,
    )
  ));
  await inject();
  const ends = await Promise.all(
    flows.map(({ from }) => from.must("date +%s.%N").then(Number)),
  );
  const deadline = performance.now() + limit * 1000;
  let running = flows.map(() => false);
  const done = () => flows.every(({ beside }, i) => beside || running[i]);
  while (!done() && performance.now() < deadline) {
    running = await Promise.all(
      flows.map(({ from }, i) => isSteady(from, logs[i]!)),
    );
  }
  const texts = await Promise.all(
    flows.map(({ from }, i) =>
      from.must(`kill $(cat ${logs[i]}.pid); cat ${logs[i]}`)
    ),
  );
  const result = texts.map((text, i) =>
    running[i]
      ? outageOf(answerTimes(text), ends[i]! * 1000)
      : { pauseMs: Infinity, resumedMs: Infinity }
  );
  const found = flows.map((flow, i) => words(flow, result[i]!));
  report(`${title}: ${found.join("; ")}`);
  return result;
}

async function isSteady(guest: Guest, log: string): Promise<boolean> {
  const counts = await guest.must(
    // What happened may take a moment to have its effect.
    `sleep 1; grep -c 'bytes from' ${log}; sleep 1; grep -c 'bytes from' ${log}; true`,
  );
  const [before = 0, after = 0] = counts.trim().split("\n").map(Number);
  return after - before >= STEADY;
}

/** When `ping -D` got answers, in milliseconds. */
export function answerTimes(text: string): number[] {
  return [...text.matchAll(/^\[(\d+\.\d+)\] \d+ bytes from/gm)]
    .map((match) => Number(match[1]) * 1000);
}

export function outageOf(times: readonly number[], injected: number): Outage {
  let pauseMs = 0;
  for (let i = 1; i < times.length; i++) {
    pauseMs = Math.max(pauseMs, times[i]! - times[i - 1]! - INTERVAL_MS);
  }
  const next = times.find((time) => time > injected) ?? Infinity;
  return {
    pauseMs: Math.round(pauseMs),
    resumedMs: Math.round(next - injected),
  };
}

function words({ name }: Flow, { pauseMs, resumedMs }: Outage): string {
  return pauseMs === Infinity
    ? `${name} lost`
    : `${name} paused ${pauseMs} ms, back after ${resumedMs} ms`;
}
