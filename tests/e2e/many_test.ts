/**
 * More than two interfaces on one subnet, each a process of its own, started at once: every one reaches every other.
 *
 * `IPOIB_FULL=1` adds fifty, and prints what they cost.
 */

import { assertEquals } from "@std/assert";
import { fullForm } from "../../scripts/test/form.ts";
import { type Host, type Lab, labTest } from "./harness/mod.ts";

/** Pings at the same moment. */
const AT_ONCE = 8;
const encoder = new TextEncoder();

/** Pairs of hosts of which the first does not reach the second. */
async function unreached(hosts: readonly Host[]): Promise<string[]> {
  const pairs = hosts.flatMap((from) =>
    hosts.filter((to) => to !== from).map((to) => [from, to] as const)
  );
  const failed: string[] = [];
  const worker = async () => {
    for (let pair = pairs.shift(); pair; pair = pairs.shift()) {
      const [from, to] = pair;
      // After two, ping would wait for the second no longer than twice the first one's time.
      if (!await from.reaches(to)) {
        failed.push(`${from.address}: ${to.address}`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return failed;
}

/** A field of /proc/PID/status in KiB. */
async function kib(pid: number, field: string): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)![1]);
}

async function descriptors(pid: number): Promise<number> {
  let count = 0;
  for await (const _ of Deno.readDir(`/proc/${pid}/fd`)) count++;
  return count;
}

/** What the processes of the hosts cost. */
async function costs(hosts: readonly Host[]): Promise<string> {
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
  return `RSS ${range(all)} MiB each, of it ${range(own)} MiB of its own, ` +
    `${total} MiB of its own in all; ${range(fds)} descriptors`;
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
    `${count} interfaces: all run after ${seconds(running - begin)} s, ` +
      `${count * (count - 1)} pairs pinged in ${
        seconds(reached - running)
      } s; ${await costs(hosts)}\n`,
  ));
}

for (const count of [3, 10]) {
  labTest(
    `${count} interfaces, all to all`,
    (lab) => allToAll(lab, count),
  );
}

const { name, ignore } = fullForm("50 interfaces, all to all");
labTest(name, (lab) => allToAll(lab, 50), { ignore });
