/**
 * Runs the tests, as `deno task test [PATH...] [deno test option...]`: sets the machine up, then one `deno test` for each
 * suite (folder of tests/) with the fewest permissions that work.
 *
 * As root with apt it installs the Debian packages that the suites need and that are missing, unless
 * `IPOIB_NO_INSTALL=1`. What cannot run is skipped by name with its reason; with `IPOIB_CI=1` a skip that
 * test/skips.ts does not allow is a failure. The last line is `N passed, N failed`, the exit code 1 on any failure.
 */

import {
  install,
  isInstalled,
  packagesOf,
  type Tool,
} from "./test/packages.ts";
import { obstacle, type Suite, suitesOf } from "./test/suites.ts";
import { type Outcome, outcomeOf, withoutColours } from "./test/outcome.ts";
import { allowance } from "./test/skips.ts";

/** A suite that takes longer hangs. */
const SUITE_LIMIT = 15 * 60_000;

const top = new URL("../", import.meta.url);
Deno.chdir(top);
const encoder = new TextEncoder();
const say = (text: string) => void Deno.stdout.writeSync(encoder.encode(text));
const coloured = Deno.stdout.isTerminal() && !Deno.noColor;
const ci = Deno.env.get("IPOIB_CI") === "1";

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

async function provide(suites: readonly Suite[], root: boolean): Promise<void> {
  const tools = new Set<Tool>(
    suites.flatMap((suite) => [...suite.tools ?? [], ...suite.helpful ?? []]),
  );
  const missing = packagesOf([...tools].filter((tool) => !isInstalled(tool)));
  if (tools.size === 0) return;
  say(`The suites use the Debian packages ${packagesOf(tools).join(" ")}\n`);
  if (missing.length === 0) return;
  const list = missing.join(" ");
  if (Deno.env.get("IPOIB_NO_INSTALL") === "1") {
    say(`Missing: ${list} (not installed, because IPOIB_NO_INSTALL is 1)\n`);
  } else if (!root || !isInstalled("apt-get")) {
    say(`Missing: ${list} (installing them takes root and apt)\n`);
  } else {
    say(`Missing: ${list}; installing them with apt\n`);
    const trouble = await install(missing);
    say(trouble ? `Cannot install them:\n${trouble}\n` : "Installed\n");
  }
}

async function run(suite: Suite, options: string[]): Promise<Outcome> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "test",
      "--no-check",
      ...suite.permissions,
      ...options,
      ...suite.paths,
    ],
    // Tests of colours would see the wish of whoever reads this output.
    env: { NO_COLOR: "" },
    stdout: "piped",
    stdin: "null",
  }).spawn();
  let hung = false;
  const limit = setTimeout(() => {
    hung = true;
    child.kill("SIGKILL");
  }, SUITE_LIMIT);
  let output = "";
  const decoder = new TextDecoder();
  for await (const bytes of child.stdout) {
    const text = decoder.decode(bytes, { stream: true });
    say(coloured ? text : withoutColours(text));
    output += text;
  }
  const { success } = await child.status;
  clearTimeout(limit);
  if (hung) say(`Stopped after ${SUITE_LIMIT / 60_000} minutes\n`);
  return outcomeOf(output, success);
}

const chosen = Deno.args.filter((arg) => !arg.startsWith("-") && exists(arg));
const options = Deno.args.filter((arg) => !chosen.includes(arg));
const suites = suitesOf([...testFiles("tests")], chosen);
const root = Deno.uid() === 0;
await provide(suites, root);

// Deno's own file calls reach /dev under --allow-all only.
const { success: tun } = await new Deno.Command("test", {
  args: ["-c", "/dev/net/tun"],
}).output();
const shared = Deno.env.get("IPOIB_SHARED") ?? "../shared";
const shares = (path: string) => exists(`${shared}/${path}`);
const host = { root, tun, has: isInstalled, shares };
const report: string[] = [];
const skips: string[] = [];
let passed = 0;
let failed = 0;
for (const suite of suites) {
  const reason = obstacle(suite, host);
  if (reason) {
    skips.push(`suite ${suite.name}: ${reason}`);
    continue;
  }
  say(`\n== ${suite.name} ==\n`);
  const outcome = await run(suite, options);
  passed += outcome.passed;
  failed += outcome.failed;
  skips.push(...outcome.ignored.map((name) => `test ${suite.name}: ${name}`));
  const ignored = outcome.ignored.length;
  report.push(
    `${
      suite.name.padEnd(10)
    } ${outcome.passed} passed, ${outcome.failed} failed` +
      (ignored > 0 ? `, ${ignored} ignored` : ""),
  );
}

say(`\n${report.map((line) => `${line}\n`).join("")}`);
if (skips.length > 0) say("\nSkipped:\n");
for (const skip of skips) {
  const because = allowance(skip);
  const verdict = !ci
    ? ""
    : because
    ? ` [allowed: ${because}]`
    : " [FAILED: not allowed here]";
  if (ci && !because) failed++;
  say(`  ${skip}${verdict}\n`);
}
if (suites.length === 0) {
  say("No test lies there\n");
  failed++;
}
say(`${passed} passed, ${failed} failed\n`);
Deno.exit(failed > 0 ? 1 : 0);
