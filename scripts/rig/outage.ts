/** Measures outages: pings on several flows during an event on the fabric. */

import type { Guest } from "./guest.ts";
import { report } from "./report.ts";

/** Interval of the pings at normal machine speed. */
const INTERVAL_MS = 100;
/** Replies in ten intervals with which a flow has recovered. Low, because the machines are slow. */
const STEADY = 3;

/** Pings from a guest to an address. */
export interface Flow {
  readonly name: string;
  readonly from: Guest;
  readonly to: string;
}

/** Outage of a flow, in milliseconds; `Infinity` if the flow did not recover. */
export interface Outage {
  /** Longest time between two replies, minus the interval between pings. */
  readonly pauseMs: number;
  /** Time from the end of the event to the first reply. */
  readonly resumedMs: number;
}

export interface OutageOptions {
  /** Name of the event, for the report. */
  title: string;
  /** Causes the event. */
  inject(): Promise<unknown>;
  /** Seconds at normal machine speed after which a flow without replies is lost. */
  limit: number;
  /** True if flows may be down before the event. Otherwise it waits for the first reply on each flow. */
  down?: boolean;
}

/** Pings on all flows during the event and until they recover. Reports and returns the outage of each flow. */
export async function outages(
  flows: readonly Flow[],
  { title, inject, limit, down = false }: OutageOptions,
): Promise<Outage[]> {
  const log = (i: number) => `/tmp/flow.${i}.log`;
  await Promise.all(flows.map(async ({ from, to }, i) => {
    await from.must(
      // With option -w ping would exit at the first ICMP error.
      `timeout ${from.patient(limit + 600)} stdbuf -oL ping -D -n -i ${
        (intervalOf(from) / 1000).toFixed(3)
      } ${to} > ${log(i)} 2>&1 & echo $! > ${
        log(i)
      }.pid; sleep ${from.slowness}`,
    );
    if (down) return;
    await from.waitFor(
      `grep -q 'bytes from' ${log(i)}`,
      limit,
      `cat ${log(i)}`,
    );
  }));
  await inject();
  const result = await Promise.all(
    flows.map(({ from }, i) => follow(from, log(i), limit)),
  );
  const found = flows.map((flow, i) => words(flow, result[i]!));
  report(`${title}: ${found.join("; ")}`);
  return result;
}

/** Waits until a flow recovers or its time limit expires, and ends it. Returns its outage. */
async function follow(
  guest: Guest,
  log: string,
  limit: number,
): Promise<Outage> {
  const seconds = guest.patient(limit);
  const text = await guest.must(
    // The effect of the event may be delayed.
    `date +%s.%N
     answers() { grep -c 'bytes from' ${log}; }
     end=$((SECONDS + ${seconds})); steady=0
     sleep ${guest.slowness}
     while [ $steady = 0 ] && [ $SECONDS -lt $end ]; do
       before=$(answers); sleep ${guest.slowness}
       [ $(($(answers) - before)) -lt ${STEADY} ] || steady=1
     done
     kill $(cat ${log}.pid); echo $steady; cat ${log}`,
    seconds + 60,
  );
  const [now, steady] = text.split("\n", 2);
  return steady === "1"
    ? outageOf(answerTimes(text), Number(now) * 1000, intervalOf(guest))
    : { pauseMs: Infinity, resumedMs: Infinity };
}

/** Returns the interval of the pings from a guest in milliseconds. */
function intervalOf({ slowness }: Guest): number {
  return INTERVAL_MS * slowness;
}

/** Parses the output of `ping -D`. Returns the times of the replies in milliseconds since the epoch. */
export function answerTimes(text: string): number[] {
  return [...text.matchAll(/^\[(\d+\.\d+)\] \d+ bytes from/gm)]
    .map((match) => Number(match[1]) * 1000);
}

/** Returns the longest time between two replies, 0 if there are fewer. */
export function longestGap(times: readonly number[]): number {
  const gaps = times.slice(1).map((time, i) => time - times[i]!);
  return Math.max(0, ...gaps);
}

/** Computes the outage from the times of the replies, the end of the event and the interval of the pings. */
export function outageOf(
  times: readonly number[],
  injected: number,
  intervalMs: number,
): Outage {
  const pauseMs = Math.max(0, longestGap(times) - intervalMs);
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
