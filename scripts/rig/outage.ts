/** How long traffic stood still: pings on several flows at once while something happens to the fabric. */

import type { Guest } from "./guest.ts";
import { report } from "./report.ts";

const INTERVAL_MS = 100;
/** A flow that has this many answers in a second runs again, because the machines are slow. */
const STEADY = 3;

/** Pings from a guest to an address. */
export interface Flow {
  readonly name: string;
  readonly from: Guest;
  readonly to: string;
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
  { title, inject, limit }: OutageOptions,
): Promise<Outage[]> {
  const log = (i: number) => `/tmp/flow.${i}.log`;
  await Promise.all(flows.map(({ from, to }, i) =>
    from.must(
      // With a time limit of its own (-w) ping would end at the first ICMP error.
      `timeout ${from.patient(limit) + 600} stdbuf -oL ping -D -n -i ${
        INTERVAL_MS / 1000
      } ${to} > ${log(i)} 2>&1 & echo $! > ${log(i)}.pid; sleep 1`,
    )
  ));
  await inject();
  const result = await Promise.all(
    flows.map(({ from }, i) => follow(from, log(i), limit)),
  );
  const found = flows.map((flow, i) => words(flow, result[i]!));
  report(`${title}: ${found.join("; ")}`);
  return result;
}

/** Waits until a flow runs again, or for its limit; ends it. */
async function follow(
  guest: Guest,
  log: string,
  limit: number,
): Promise<Outage> {
  const seconds = guest.patient(limit);
  const text = await guest.must(
    // What happened may take a moment to have its effect.
    `date +%s.%N
     answers() { grep -c 'bytes from' ${log}; }
     end=$((SECONDS + ${seconds})); steady=0
     sleep 1
     while [ $steady = 0 ] && [ $SECONDS -lt $end ]; do
       before=$(answers); sleep 1
       [ $(($(answers) - before)) -lt ${STEADY} ] || steady=1
     done
     kill $(cat ${log}.pid); echo $steady; cat ${log}`,
    seconds + 60,
  );
  const [now, steady] = text.split("\n", 2);
  return steady === "1"
    ? outageOf(answerTimes(text), Number(now) * 1000)
    : { pauseMs: Infinity, resumedMs: Infinity };
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
