/** The rule of adaptive moderation, with models of traffic and a simulated clock. */

import { assert, assertEquals } from "@std/assert";
import { random } from "../wire/support.ts";
import {
  AdaptiveRule,
  INTERVAL_MS,
  type ReceivedTraffic,
} from "../../src/ipoib/adaptive_moderation.ts";

/** Returns what an interval receives with a period in microseconds. */
type Model = (period: number) => ReceivedTraffic;

const INTERVAL_US = INTERVAL_MS * 1000;

function traffic(events: number, packets: number): ReceivedTraffic {
  return { events, packets, bytes: packets * 1000 };
}

/** Bursts at a fixed rate, whatever the period: a stream of datagrams, or TCP with a large window. */
function stream(burst: number, everyUs: number): Model {
  return (period) =>
    traffic(
      INTERVAL_US / Math.max(everyUs, period),
      burst * INTERVAL_US / everyUs,
    );
}

/** Requests that are each sent after the reply to the last one, on a number of connections. */
function requests(connections: number, roundTripUs: number): Model {
  return (period) => {
    const rounds = INTERVAL_US / (roundTripUs + period);
    return traffic(rounds, connections * rounds);
  };
}

/** Runs intervals, and returns the period of each. */
function run(
  rule: AdaptiveRule,
  model: Model,
  intervals: number,
  start = 0,
): number[] {
  const periods: number[] = [];
  for (let i = 0; i < intervals; i++) {
    periods.push(rule.period);
    rule.observe(model(rule.period), start + (i + 1) * INTERVAL_MS);
  }
  return periods;
}

/** Share of the intervals with a period. */
function share(periods: number[], period: number): number {
  return periods.filter((each) => each === period).length / periods.length;
}

Deno.test("a stream gets the longest period within three intervals, and keeps it", () => {
  // The last one is TCP whose large sends arrive one by one.
  const models = [
    stream(5, 80),
    stream(32, 1000),
    stream(64, 2000),
    stream(1, 35),
  ];
  for (const model of models) {
    const periods = run(new AdaptiveRule(), model, 1000);
    assertEquals(periods.slice(0, 5), [0, 64, 256, 256, 256]);
    // One interval in a second is a trial without a delay.
    assert(share(periods, 256) >= 0.97, `${share(periods, 256)}`);
    assertEquals(share(periods.slice(2), 256) + share(periods.slice(2), 0), 1);
  }
});

Deno.test("a stream whose rate varies has the longest period most of the time", () => {
  const next = random(7);
  const model: Model = (period) => {
    const part = (80 + next(41)) / 100;
    const { events, packets, bytes } = stream(5, 80)(period);
    return { events, packets: packets * part, bytes: bytes * part };
  };
  const periods = run(new AdaptiveRule(), model, 5000);
  assert(share(periods, 256) > 0.7, `${share(periods, 256)}`);
});

Deno.test("rare packets are not delayed, from the first interval after a stream on", () => {
  const rule = new AdaptiveRule();
  run(rule, stream(5, 80), 100);
  assertEquals(rule.period, 256);
  const pings = run(rule, () => traffic(2, 2), 50, 2000);
  assertEquals(pings.slice(0, 2), [256, 0]);
  assertEquals(share(pings.slice(1), 0), 1);
});

Deno.test("the requests of one connection are not delayed", () => {
  const periods = run(new AdaptiveRule(), requests(1, 100), 1000);
  assertEquals(share(periods, 0), 1);
  const after = new AdaptiveRule();
  run(after, stream(5, 80), 10);
  assertEquals(run(after, requests(1, 100), 5, 200), [256, 64, 0, 0, 0]);
});

Deno.test("requests of many connections that follow a stream are delayed for a second at most", () => {
  const rule = new AdaptiveRule();
  run(rule, stream(5, 80), 100);
  const periods = run(rule, requests(64, 100), 1000, 2000);
  assertEquals(periods[0], 256);
  assertEquals(share(periods.slice(51), 256), 0);
  assert(share(periods.slice(51), 0) > 0.95);
});

Deno.test("requests of several connections are delayed in few intervals, as their rate falls", () => {
  for (const connections of [4, 16, 64]) {
    const periods = run(new AdaptiveRule(), requests(connections, 100), 5000);
    assert(share(periods, 0) > 0.95, `${connections}: ${share(periods, 0)}`);
    assertEquals(share(periods, 256), 0);
  }
});

Deno.test("the period follows changes of the traffic in both directions", () => {
  const rule = new AdaptiveRule();
  const quiet: Model = () => traffic(0, 0);
  for (let second = 0; second < 20; second++) {
    const model = second % 2 === 0 ? stream(5, 80) : quiet;
    const periods = run(rule, model, 50, second * 1000);
    const aim = second % 2 === 0 ? 256 : 0;
    assert(share(periods, aim) >= 0.9, `second ${second}`);
  }
});

Deno.test("the rule stays within its periods for any traffic", () => {
  const rule = new AdaptiveRule();
  for (let i = 0; i < 5000; i++) {
    const packets = (i * 7919) % 400;
    const events = 1 + (i * 104_729) % (packets + 1);
    rule.observe(traffic(events, packets), i * INTERVAL_MS);
    assert([0, 64, 256].includes(rule.period));
  }
});
