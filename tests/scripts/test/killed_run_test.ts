/**
 * A test run that is killed leaves no processes, namespaces or files. Real suites, with interfaces in namespaces and
 * with virtual machines, are killed at random times by different signals.
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

/** Each of the four signals occurs with each of the two suites. */
const KILLS = FULL ? 20 : 8;
/** At normal machine speed a run has created its namespaces, processes and files after this time. */
const LATEST_MS = 5000;
/** Upper limit of the random time on a slow machine. A kill before the setup is complete is a valid case. */
const LATEST_LIMIT_MS = 20_000;
/** Time limit for the start of an awaited program. */
const PROGRAM_MS = 60_000;
/** Time limit for the cleanup at normal machine speed. */
const GONE_MS = 5000;
const TOP = new URL("../../../", import.meta.url).pathname;
/** Environment variable that identifies all processes of a run. */
const MARK = "IPOIB_TEST_RUN";

/** Suites that take minutes: with interfaces in namespaces, and with virtual machines. */
const SUITES = ["tests/e2e", "tests/kernel"];

/** Signals that end a run, and the process that receives them. */
const ENDS = [
  { of: "the runner", signal: "SIGKILL" },
  { of: "the runner", signal: "SIGTERM" },
  { of: "the runner", signal: "SIGINT" },
  { of: "deno task", signal: "SIGKILL" },
] as const;

/** Runs that are killed when a process with a matching command line exists. All others are killed at random times. */
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

/** Returns the command lines of the processes of the run. */
function processes(mark: string): string[] {
  return processesWith(MARK, mark).map((pid) => {
    try {
      const words = Deno.readTextFileSync(`/proc/${pid}/cmdline`);
      return words.replaceAll("\0", " ").trim();
    } catch {
      return `${pid}, exiting`;
    }
  });
}

/** Returns the contents of the directories in which a run creates files. */
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

/** Waits until `parent` has a child process. Returns its PID. */
async function childOf(parent: number): Promise<number> {
  const path = `/proc/${parent}/task/${parent}/children`;
  const children = await until("the runner", async () => {
    const text = await Deno.readTextFile(path);
    return text.trim() !== "" && text.trim().split(" ").map(Number);
  });
  return children[0]!;
}

/** Time of a kill: a delay in milliseconds, or the start of a process with a matching command line. */
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

/**
 * Starts a run, kills it, and checks that it leaves nothing. Returns the command lines that were running at the kill.
 */
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
  try {
    const runner = await childOf(task.pid);
    await waitFor(moment, mark);
    const seen = processes(mark);
    Deno.kill(of === "the runner" ? runner : task.pid, signal);
    const start = performance.now();
    const limit = patient(GONE_MS);
    let remaining = seen;
    while (remaining.length > 0 && performance.now() - start < limit) {
      await pause(50);
      remaining = processes(mark);
    }
    const title = `${suite}, ${signal} of ${of} after ${moment}`;
    assertEquals(remaining, [], title);
    assertEquals(files(temporary), before, title);
    return seen;
  } finally {
    // Ends the processes of a run that the test could not kill, or that the kill has left.
    killAll(mark);
    await task.status;
  }
}

function killAll(mark: string): void {
  for (const pid of processesWith(MARK, mark)) {
    try {
      Deno.kill(pid, "SIGKILL");
    } catch {
      // It has exited.
    }
  }
}

Deno.test({
  name:
    `a killed test run leaves no processes, namespaces or files, ${KILLS} times${
      reason ? ` (skipped: ${reason})` : ""
    }`,
  ignore: reason !== undefined,
  async fn() {
    // The images of the virtual machines are cached. A run that is killed early would not finish building them.
    await provideImages();
    const temporary = await Deno.makeTempDir();
    const programs = new Set<string>();
    const latestMs = Math.min(patient(LATEST_MS), LATEST_LIMIT_MS);
    try {
      for (let i = 0; i < KILLS; i++) {
        const end = ENDS[i % ENDS.length]!;
        const suite = SUITES[(i >> 2) % SUITES.length]!;
        // One kill per suite waits for the start of a relevant process.
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
