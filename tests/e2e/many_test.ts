/**
 * Many interfaces on one subnet, one process each, started concurrently: each reaches all others.
 *
 * `IPOIB_FULL=1` adds a test with 50 interfaces. All tests print the memory and the descriptors that the processes use.
 */

import { assertEquals } from "@std/assert";
import { fullForm } from "../../scripts/test/form.ts";
import { type Host, type Lab, labTest } from "./harness/mod.ts";

/** Concurrent pings. */
const AT_ONCE = 8;
const encoder = new TextEncoder();

/** Returns the ordered pairs of hosts of which the first does not reach the second. */
async function unreached(hosts: readonly Host[]): Promise<string[]> {
  const pairs = hosts.flatMap((from) =>
    hosts.filter((to) => to !== from).map((to) => [from, to] as const)
  );
  const failed: string[] = [];
  const worker = async () => {
    for (let pair = pairs.shift(); pair; pair = pairs.shift()) {
      const [from, to] = pair;
      // A single request: with two, ping would wait for the second reply for only two round trips.
      if (!await from.reaches(to)) {
        failed.push(`${from.address}: ${to.address}`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return failed;
}

/** Returns a field of /proc/PID/status in KiB. */
async function kib(pid: number, field: string): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)![1]);
}

async function descriptors(pid: number): Promise<number> {
  let count = 0;
  for await (const _ of Deno.readDir(`/proc/${pid}/fd`)) count++;
  return count;
}

/** Returns a summary of the memory and descriptors of the processes. */
async function resources(hosts: readonly Host[]): Promise<string> {
  const pids = hosts.map((host) => host.daemon.pid);
  const range = (numbers: number[]) =>
    `${Math.min(...numbers)} to ${Math.max(...numbers)}`;
  const own = await Promise.all(
    pids.map(async (pid) => Math.round(await kib(pid, "RssAnon") / 1024)),
  );
  const all = await Promise.all(
    pids.map(async (pid) => Math.round(await kib(pid, "VmRSS") / 1024)),
  );
  const fds = await Promise.all(pids.map(descriptors));
  const total = own.reduce((sum, each) => sum + each, 0);
  return `RSS ${range(all)} MiB each, ${range(own)} MiB of it anonymous, ` +
    `${total} MiB anonymous in total; ${range(fds)} descriptors`;
}

async function allToAll(lab: Lab, count: number): Promise<void> {
  const hosts: Host[] = await lab.hosts(count);
  const begin = performance.now();
  await Promise.all(hosts.map((host) => host.up()));
  const running = performance.now();
  assertEquals(await unreached(hosts), []);
  const reached = performance.now();
  const lids = await Promise.all(
    hosts.map(async (host) => (await host.link()).hca.lid),
  );
  assertEquals(new Set(lids).size, count);
  const seconds = (ms: number) => (ms / 1000).toFixed(1);
  Deno.stdout.writeSync(encoder.encode(
    `${count} interfaces: all running after ${seconds(running - begin)} s, ` +
      `${count * (count - 1)} pairs pinged in ${
        seconds(reached - running)
      } s; ${await resources(hosts)}\n`,
  ));
}

for (const count of [3, 10]) {
  labTest(
    `${count} interfaces reach each other`,
    (lab) => allToAll(lab, count),
  );
}

const { name, ignore } = fullForm("50 interfaces reach each other");
labTest(name, (lab) => allToAll(lab, 50), { ignore });
