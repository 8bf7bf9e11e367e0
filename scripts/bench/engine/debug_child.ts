/**
 * Program that measures sending and receiving with debug code that is off and, in the tree that is its argument,
 * without debug code; and a disabled call. Prints nanoseconds as JSON.
 */

import { DebugLevels, DebugLog } from "../../../src/ipoib/debug_log.ts";
import { printValues, type Values } from "./engine_measurement.ts";
import { interleave, type Work } from "./interleave.ts";
import { LeanHost } from "./lean_host.ts";

const NEIGHBOURS = 10;
/** Calls counted as one operation, because a call takes less than a nanosecond. */
const CALLS = 100;

const levels = new DebugLevels();
const log = new DebugLog(levels, "ib0");
let lines = 0;

const works = new Map<string, Work>();
const without: { LeanHost: typeof LeanHost } = await import(
  `${Deno.args[0]}scripts/bench/engine/lean_host.ts`
);
const hosts = { off: LeanHost, without: without.LeanHost };
for (const [subject, Host] of Object.entries(hosts)) {
  const host = new Host();
  works.set(`sent/${subject}`, host.neighbours("IPv4", NEIGHBOURS));
  works.set(`received/${subject}`, (packets) => host.receive(packets));
}
works.set("hundred loops/without", (operations) => {
  for (let i = 0; i < operations * CALLS; i++) lines = lines + 1 | 0;
});
works.set("hundred loops with a disabled check/off", (operations) => {
  for (let i = 0; i < operations * CALLS; i++) {
    lines = lines + 1 | 0;
    if (log.packets) log.data("a packet");
  }
});
works.set("hundred loops with a disabled call/off", (operations) => {
  for (let i = 0; i < operations * CALLS; i++) {
    lines = lines + 1 | 0;
    log.general(() => `packet ${i}`);
  }
});

const times = interleave(works);
const values: Values = {};
for (const row of ["sent", "received"]) {
  const off = times.get(`${row}/off`)!;
  values[`IPv4, ${row}`] = { off, without: times.get(`${row}/without`)! };
}
const loop = times.get("hundred loops/without")!;
for (const what of ["check", "call"]) {
  const time = times.get(`hundred loops with a disabled ${what}/off`)!;
  values[`a disabled ${what}`] = { off: (time - loop) / CALLS };
}
printValues(values);
