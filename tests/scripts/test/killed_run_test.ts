/**
 * A run of the tests that is killed leaves nothing behind: real suites, with interfaces in namespaces and with virtual
 * machines, are ended at random points, each way of ending in turn.
 */

import { assert, assertEquals } from "@std/assert";
import { patient } from "../../../scripts/machine.ts";
import { provideImages } from "../../../scripts/rig/images.ts";
import { FULL } from "../../../scripts/test/form.ts";
import { canIsolate } from "../../../scripts/test/isolation.ts";
import { obstacle, suitesOf } from "../../../scripts/test/suites.ts";
import { thisHost } from "../../../scripts/test/this_host.ts";
import { processesWith } from "../../e2e/harness/files.ts";
import { pause, until } from "../../e2e/harness/until.ts";

/** Each way of ending occurs with each suite: 4 of 2. */
const KILLS = FULL ? 20 : 8;
/** On a usual machine a run has created its namespaces, processes and files after this time. */
const LATEST_MS = 5000;
/** Upper limit of a random moment, however slow the machine is: a kill before the setup is complete is a valid case. */
const LATEST_LIMIT_MS = 20_000;
/** A program that is waited for has begun by then. */
const PROGRAM_MS = 60_000;
/** Within so long everything is gone. */
const GONE_MS = 5000;
const TOP = new URL("../../../", import.meta.url).pathname;
/** Carried by every process of a run in its environment. */
const MARK = "IPOIB_TEST_RUN";

/** Suites that go on for minutes: with interfaces in namespaces, and with virtual machines. */
const SUITES = ["tests/e2e", "tests/kernel"];

/** The ways a run ends before its time: who gets which signal. */
const ENDS = [
  { of: "the runner", signal: "SIGKILL" },
  { of: "the runner", signal: "SIGTERM" },
  { of: "the runner", signal: "SIGINT" },
  { of: "deno task", signal: "SIGKILL" },
] as const;

/** Runs that are killed once a process with such a command line runs; all others at random. */
const AT_PROGRAM: Readonly<Record<number, RegExp>> = {
  2: / up ib0/,
  5: /^qemu-system/,
};

async function missing(): Promise<string | undefined> {
  if (!await canIsolate()) return "needs root and namespaces";
  const host = await thisHost();
  const files = SUITES.map((suite) => `${suite}/any_test.ts`);
  return suitesOf(files, []).map((suite) => obstacle(suite, host))
    .find((reason) => reason !== undefined);
}

const reason = await missing();

/** Processes of the run, as their command lines. */
function processes(mark: string): string[] {
  return processesWith(MARK, mark).map((pid) => {
    try {
      const words = Deno.readTextFileSync(`/proc/${pid}/cmdline`);
      return words.replaceAll("\0", " ").trim();
    } catch {
      return `${pid}, which ends`;
    }
  });
}

/** What is in the folders that a run could leave something in. */
function files(temporary: string): string[] {
  return [temporary, "/run/netns"].flatMap((folder) => {
    try {
      return [...Deno.readDirSync(folder)].map(({ name }) =>
        `${folder}/${name}`
      );
    } catch {
      return [];
    }
  }).sort();
}

/** The pid of a child of `parent`, once it has one. */
async function childOf(parent: number): Promise<number> {
  const path = `/proc/${parent}/task/${parent}/children`;
  const children = await until("the runner", async () => {
    const text = await Deno.readTextFile(path);
    return text.trim() !== "" && text.trim().split(" ").map(Number);
  });
  return children[0]!;
}

/** When a run is killed: after so many milliseconds, or once a process with such a command line runs. */
type Moment = number | RegExp;

async function waitFor(moment: Moment, mark: string): Promise<void> {
  if (typeof moment === "number") await pause(moment);
  else {
    await until(
      String(moment),
      () => processes(mark).some((words) => moment.test(words)),
      PROGRAM_MS,
    );
  }
}

/** Starts a run, kills it at a moment, and waits until nothing of it is left; returns what was running when it was killed. */
async function killRun(
  suite: string,
  { of, signal }: typeof ENDS[number],
  moment: Moment,
  temporary: string,
): Promise<string[]> {
  const mark = crypto.randomUUID();
  const before = files(temporary);
  const task = new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "test", suite],
    cwd: TOP,
    env: { [MARK]: mark, IPOIB_NO_INSTALL: "1", TMPDIR: temporary },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const runner = await childOf(task.pid);
  await waitFor(moment, mark);
  const seen = processes(mark);
  Deno.kill(of === "the runner" ? runner : task.pid, signal);
  const start = performance.now();
  let rest = seen;
  while (rest.length > 0 && performance.now() - start < patient(GONE_MS)) {
    await pause(50);
    rest = processes(mark);
  }
  const title = `${suite}, ${signal} of ${of} after ${moment}`;
  assertEquals(rest, [], title);
  assertEquals(files(temporary), before, title);
  await task.status;
  return seen;
}

Deno.test({
  name: `a run that is killed leaves nothing behind, ${KILLS} times${
    reason ? ` (skipped: ${reason})` : ""
  }`,
  ignore: reason !== undefined,
  async fn() {
    // What the virtual machines boot from stays, and a run that is killed early would not come to build it.
    await provideImages();
    const temporary = await Deno.makeTempDir();
    const programs = new Set<string>();
    const latestMs = Math.min(patient(LATEST_MS), LATEST_LIMIT_MS);
    try {
      for (let i = 0; i < KILLS; i++) {
        const end = ENDS[i % ENDS.length]!;
        const suite = SUITES[(i >> 2) % SUITES.length]!;
        // Once of each suite when what is worth killing runs; else at random.
        const moment = AT_PROGRAM[i] ?? Math.random() * latestMs;
        for (const words of await killRun(suite, end, moment, temporary)) {
          programs.add(words.split(" ")[0]!);
        }
      }
    } finally {
      await Deno.remove(temporary, { recursive: true });
    }
    const names = [...programs].join(" ");
    assert(names.includes("qemu-system"), names);
    assert(names.includes("unshare"), names);
  },
});
