/**
 * Runs the tests: `deno task test [PATH...] [deno test option...]`. Installs missing packages, builds the virtual
 * machines if a suite needs them, then runs `deno test` for each suite (folder of tests/) with minimum permissions. The
 * long suites run beside the others, because they wait for much of their time; their output follows.
 *
 * As root with apt it installs the missing Debian packages that the suites need, unless `IPOIB_NO_INSTALL=1`. A suite
 * or test that cannot run is skipped and listed with the reason. With `IPOIB_CI=1` a skip that test/skips.ts does not
 * allow is a failure. The last line is `N passed, N failed`. The exit code is 1 if a test failed.
 *
 * As root each suite runs in its own namespaces (test/isolation.ts), so its processes cannot outlive it. A suite is
 * killed if no test finishes for some minutes.
 */

import { type Cleanup, countFailures, endChild } from "./cleanup.ts";
import { measureSlowness } from "./machine.ts";
import { FULL } from "./test/form.ts";
import { HeldOutput } from "./test/held_output.ts";
import { canIsolate, isolated, withParentDeath } from "./test/isolation.ts";
import {
  install,
  isInstalled,
  packagesOf,
  type Tool,
} from "./test/packages.ts";
import { policyIsLeft } from "./test/no_services.ts";
import { obstacle, stepsOf, type Suite, suitesOf } from "./test/suites.ts";
import { withoutColors } from "./test/outcome.ts";
import { Report } from "./test/report.ts";
import { runSuite } from "./test/run_suite.ts";
import { thisHost } from "./test/this_host.ts";

/** A suite hangs if no test finishes in this time on a usual machine. */
const SILENCE_MS = 5 * 60_000;
/** The same with `IPOIB_FULL=1`, with which a test takes up to ten minutes. */
const SILENCE_FULL_MS = 20 * 60_000;

const top = new URL("../", import.meta.url);
Deno.chdir(top);
const encoder = new TextEncoder();
const say = (text: string) => void Deno.stdout.writeSync(encoder.encode(text));
const colored = Deno.stdout.isTerminal() && !Deno.noColor;

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

function* testFiles(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* testFiles(path);
    else if (path.endsWith("_test.ts")) yield path;
  }
}

/** Installs the missing packages of the suites, or prints why it does not. */
async function provide(
  suites: readonly Suite[],
  root: boolean,
  cleanup: Cleanup,
): Promise<void> {
  const tools = new Set<Tool>(
    suites.flatMap((suite) => [...suite.tools ?? [], ...suite.helpful ?? []]),
  );
  const missing = packagesOf([...tools].filter((tool) => !isInstalled(tool)));
  if (tools.size === 0) return;
  say(`The suites need the Debian packages ${packagesOf(tools).join(" ")}\n`);
  const refusal = Deno.env.get("IPOIB_NO_INSTALL") === "1"
    ? "not installed, because IPOIB_NO_INSTALL is 1"
    : !root || !isInstalled("apt-get")
    ? "only root can install them, with apt"
    : undefined;
  const list = missing.join(" ");
  if (refusal !== undefined) {
    if (list) say(`Missing: ${list} (${refusal})\n`);
  } else if (list) {
    say(`Missing: ${list}; installing them with apt\n`);
    const trouble = await install(missing, cleanup);
    say(trouble ? `Cannot install them:\n${trouble}\n` : "Installed\n");
  } else if (policyIsLeft()) {
    say("Finishing the installation of a run that was killed\n");
    await install([], cleanup);
  }
}

/** Builds the images of the virtual machines if needed, before the suite starts, whose time is limited. */
async function buildImages(isolate: boolean, cleanup: Cleanup): Promise<void> {
  const words = [
    ...[Deno.execPath(), "run", "--quiet", "--no-check", "--allow-all"],
    "scripts/rig/build.ts",
  ];
  const [program, ...args] = isolate ? isolated(words) : withParentDeath(words);
  const child = new Deno.Command(program!, { args, stdin: "null" }).spawn();
  cleanup.add(() => endChild(child, "SIGKILL"));
  const { success } = await child.status;
  // The suite then fails with the same error.
  if (!success) say("Cannot build the virtual machines\n");
}

/** Runs the chosen suites. Returns the number of failures. */
async function runAll(cleanup: Cleanup): Promise<number> {
  const chosen = Deno.args.filter((arg) => !arg.startsWith("-") && exists(arg));
  const options = Deno.args.filter((arg) => !chosen.includes(arg));
  const suites = suitesOf([...testFiles("tests")], chosen);
  await provide(suites, Deno.uid() === 0, cleanup);

  const host = await thisHost();
  const isolate = await canIsolate();
  if (host.root && !isolate) {
    say("Cannot create namespaces: a killed run may leave processes\n");
  }
  if (suites.some((suite) => suite.guests && !obstacle(suite, host))) {
    await buildImages(isolate, cleanup);
  }
  const report = new Report(Deno.env.get("IPOIB_CI") === "1");
  const runEach = async (
    suites: readonly Suite[],
    say: (text: string) => void,
  ) => {
    for (const [i, suite] of suites.entries()) {
      const reason = obstacle(suite, host);
      if (reason) {
        report.skip(suite.name, reason);
        continue;
      }
      const slowness = measureSlowness();
      say(
        `\n== ${suite.name} == ${
          i + 1
        } of ${suites.length} (so far ${report.passed} passed, ${report.failed} failed; machine: ${slowness} times the usual)\n`,
      );
      const start = performance.now();
      const outcome = await runSuite(suite, {
        options,
        isolate,
        slowness,
        silenceMs: FULL ? SILENCE_FULL_MS : SILENCE_MS,
        say: (text) => say(colored ? text : withoutColors(text)),
        cleanup,
      });
      report.add(suite.name, outcome, performance.now() - start);
    }
  };
  /** Runs lanes of suites at the same time. The output of a lane follows that of the lanes before it. */
  const runBeside = async (lanes: readonly Suite[][]) => {
    let before: Promise<unknown> = Promise.resolve();
    await Promise.all(lanes.map((suites) => {
      const output = new HeldOutput(say);
      void before.then(() => output.release());
      const ended = runEach(suites, (text) => output.say(text));
      return before = Promise.all([before, ended]);
    }));
  };
  for (const lanes of stepsOf(suites)) await runBeside(lanes);
  if (suites.length === 0) {
    say("No tests found\n");
    report.failed++;
  }
  say(report.lines().map((line) => `${line}\n`).join(""));
  return report.failed;
}

Deno.exit(await countFailures(runAll));
