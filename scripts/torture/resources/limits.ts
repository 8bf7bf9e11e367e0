/** Scenarios: limits on file descriptors, address space, memory and processes. */

import { assertEquals, assertLess } from "@std/assert";
import { patient } from "../../machine.ts";
import { programCommand } from "../../program.ts";
import {
  type Host,
  type Lab,
  pause,
  run,
  startManager,
  until,
} from "../../../tests/e2e/harness/mod.ts";
import {
  assertRefused,
  assertWell,
  type Scenario,
  upWords,
} from "./scenario.ts";

const CGROUPS = "/sys/fs/cgroup";
const FLOOD_SECONDS = 3;
/** Ticks per second in /proc/PID/stat (USER_HZ). */
const TICKS_PER_SECOND = 100;

/** Brings an interface up; `before` is a command that runs the program. */
async function upBehind(host: Host, ...before: string[]): Promise<void> {
  await host.up({ command: [...before, ...programCommand()] });
}

/** Creates a control group with a limit (cgroup v1 or v2) and returns its path. */
function groupOf(controller: "memory" | "pids", limit: string): string {
  const unified = exists(`${CGROUPS}/cgroup.controllers`);
  const top = unified ? CGROUPS : `${CGROUPS}/${controller}`;
  const path = `${top}/ipoib-torture-${Deno.pid}-${controller}`;
  Deno.mkdirSync(path);
  const file = controller === "pids"
    ? "pids.max"
    : unified
    ? "memory.max"
    : "memory.limit_in_bytes";
  Deno.writeTextFileSync(`${path}/${file}`, limit);
  return path;
}

/** Returns the reason why no control groups can be created, or undefined if they can. */
function whyNoGroups(): string | undefined {
  try {
    for (const controller of ["memory", "pids"] as const) {
      const limit = controller === "pids" ? 1000 : 2 ** 30;
      Deno.removeSync(groupOf(controller, String(limit)));
    }
    return undefined;
  } catch (error) {
    return `cannot create control groups: ${(error as Error).message}`;
  }
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Returns a command that runs its arguments in a control group. */
function inGroup(path: string): string[] {
  return ["sh", "-c", `echo $$ > ${path}/cgroup.procs && exec "$@"`, "sh"];
}

async function removeGroup(path: string): Promise<void> {
  await until("the control group is empty", async () => {
    const { code } = await run(["rmdir", path]);
    return code === 0;
  });
}

/** Runs `up` with a limit under which it may work or not. It must run or exit within a minute and leave no device. */
async function worksOrEnds(
  lab: Lab,
  host: Host,
  before: readonly string[],
): Promise<string> {
  const program = lab.start([...before, ...upWords(lab, host)]);
  const works = await until(
    "it works or ends",
    () =>
      program.ended
        ? "ends"
        : /ib0: running/.test(program.output)
        ? "works"
        : undefined,
    60_000,
  );
  if (works === "works") {
    program.kill("SIGTERM");
    assertEquals(await program.exit(), 0);
  }
  assertEquals(await host.hasDevice("ib0"), false);
  return works === "works"
    ? works
    : `ends with ${program.code}: ${program.output.split("\n")[0]}`;
}

/** Measures the fraction of a processor that a process uses for a second. */
async function processorShare(pid: number): Promise<number> {
  const ticks = () => {
    const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return Number(fields[11]) + Number(fields[12]);
  };
  const [before, start] = [ticks(), performance.now()];
  await pause(1000);
  const seconds = (performance.now() - start) / 1000;
  return (ticks() - before) / TICKS_PER_SECOND / seconds;
}

export const limitScenarios: readonly Scenario[] = [
  {
    name: "64 descriptors",
    expected: "up is refused",
    quick: true,
    async run(lab) {
      const [a] = await lab.hosts(1);
      const limited = ["prlimit", "--nofile=64:64", ...upWords(lab, a)];
      assertRefused(await run(limited), /needs 96 open files/);
    },
  },
  {
    name: "96 descriptors",
    expected: "works with a peer",
    quick: true,
    async run(lab) {
      const [a, b] = await lab.hosts(2);
      await upBehind(a, "prlimit", "--nofile=96:96");
      await upBehind(b, "prlimit", "--nofile=96:96");
      await assertWell(a, b);
    },
  },
  {
    name: "96 descriptors, forty peers",
    expected: "each peer is reached or not, and nothing ends",
    async run(lab) {
      // The subnet manager runs in a separate process without the limit.
      await startManager(lab);
      const [a, ...others] = await lab.hosts(41);
      await upBehind(a!, "prlimit", "--nofile=96:96");
      await Promise.all(others.map((host) => host.up()));
      let reached = 0;
      for (const host of others) if (await a!.reaches(host)) reached++;
      assertEquals(a!.daemon.ended, false, a!.daemon.output);
      await assertWell(others[0]!, others[1]!);
      assertEquals((await a!.link()).state, "running");
      return `${reached} of ${others.length} reached`;
    },
  },
  {
    name: "64 descriptors for the subnet manager",
    expected: "ports beyond that wait, the others go on",
    async run(lab) {
      const manager = lab.start([
        ...["prlimit", "--nofile=64:64"],
        ...[...programCommand(), "subnet", "run"],
      ]);
      await manager.prints(/subnet manager running/);
      const [a, b, ...others] = await lab.hosts(40);
      await a!.up();
      await b!.up();
      for (const host of others) await host.up({ wait: false });
      await pause(patient(5000));
      const busy = await processorShare(manager.pid);
      assertLess(busy, 0.5, `the manager uses ${busy} of a processor`);
      await assertWell(a!, b!);
      const running = others.filter(({ daemon }) =>
        /ib0: running/.test(daemon.output)
      );
      const refused = others.filter(({ daemon }) => daemon.ended);
      return `${running.length} run, ${refused.length} ended, of ${others.length}`;
    },
  },
  {
    name: "descriptors too few",
    expected: "up is refused",
    async run(lab) {
      const [a] = await lab.hosts(1);
      const outcome = await run([
        ...["prlimit", "--nofile=40:40"],
        ...upWords(lab, a),
      ]);
      assertRefused(outcome, /descriptor|files/i);
    },
  },
  {
    name: "RLIMIT_AS",
    expected: "works or ends",
    async run(lab) {
      const [a] = await lab.hosts(1);
      const found: string[] = [];
      for (const gib of [1, 4, 16, 64]) {
        const limit = `--as=${gib * 2 ** 30}`;
        found.push(
          `${gib} GiB: ${await worksOrEnds(lab, a, ["prlimit", limit])}`,
        );
      }
      return found.join("; ");
    },
  },
  {
    name: "memory group of 256 MiB",
    expected: "works under a flood, or is killed alone",
    missing: whyNoGroups,
    async run(lab) {
      const [a, b, c] = await lab.hosts(3);
      const path = groupOf("memory", String(256 * 2 ** 20));
      await a.up();
      await upBehind(b, ...inGroup(path));
      await c.up();
      await a.run([
        ...["timeout", String(FLOOD_SECONDS), "ping", "-f", "-q"],
        ...["-s", "1400", b.address],
      ]);
      const killed = b.daemon.ended;
      if (!killed) await assertWell(a, b);
      await assertWell(a, c);
      b.daemon.kill("SIGKILL");
      await b.daemon.exit();
      await removeGroup(path);
      return killed ? "killed" : "works";
    },
  },
  {
    name: "memory group of 64 MiB",
    expected: "works, or is killed alone",
    missing: whyNoGroups,
    async run(lab) {
      const [a, b, c] = await lab.hosts(3);
      const path = groupOf("memory", String(64 * 2 ** 20));
      await a.up();
      await c.up();
      const result = await worksOrEnds(lab, b, inGroup(path));
      await assertWell(a, c);
      await removeGroup(path);
      return result;
    },
  },
  {
    name: "pids group",
    expected: "works or ends",
    missing: whyNoGroups,
    async run(lab) {
      const [a] = await lab.hosts(1);
      const found: string[] = [];
      for (const limit of [2, 8, 16, 64]) {
        const path = groupOf("pids", String(limit));
        const result = await worksOrEnds(lab, a, inGroup(path));
        found.push(`${limit} threads: ${result}`);
        await removeGroup(path);
      }
      return found.join("; ");
    },
  },
];
