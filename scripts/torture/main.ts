/**
 * Long stress tests of the program: `deno task torture fuzz|kill|resources|soak|all [--minutes N] [--seed N]
 * [--only NAME]...`. The test suite runs a short form of each part (tests/fuzz, tests/torture).
 *
 * Each part runs in separate namespaces (scripts/test/isolation.ts), so that its processes cannot outlive it; leftovers
 * count as a failure. A part prints its seed, a table of attempts and failures, and the totals of all runs
 * (record.json). The last line is `N passed, N failed`. The exit code is 1 on any failure. All parts except `fuzz` need
 * root and the Debian packages iproute2, iputils-ping, iperf3 and socat.
 */

import { TextLineStream } from "../opensm/lines.ts";
import { type Cleanup, countFailures, endChild } from "../cleanup.ts";
import { measureSlowness, SLOWNESS } from "../machine.ts";
import { canIsolate, isolated, LEFT_BEHIND } from "../test/isolation.ts";
import {
  type Options,
  optionsOf,
  type PartName,
  PARTS,
  USAGE,
} from "./options.ts";
import type { Row } from "./part.ts";
import { addRun, totalLines } from "./record.ts";
import { reportLines } from "./report.ts";
import { ROWS } from "./run_part.ts";

const RUN_PART = new URL("run_part.ts", import.meta.url).pathname;
const encoder = new TextEncoder();
const say = (line: string) =>
  void Deno.stdout.writeSync(encoder.encode(`${line}\n`));

/** Runs a part in a child process and returns its table. */
async function runPart(
  part: PartName,
  options: Options,
  cleanup: Cleanup,
): Promise<Row[]> {
  const { minutes, seed, only } = options;
  const slowness = measureSlowness();
  say(`\n== ${part} == seed ${seed} (machine: ${slowness} times the usual)`);
  const words = [
    ...[Deno.execPath(), "run", "--quiet", "--allow-all", RUN_PART],
    ...[part, String(minutes), String(seed), ...only],
  ];
  const [program, ...args] = await canIsolate()
    ? isolated(words, slowness)
    : words;
  const child = new Deno.Command(program!, {
    args,
    env: { [SLOWNESS]: String(slowness) },
    stdin: "null",
    stdout: "piped",
  }).spawn();
  cleanup.add(() => endChild(child, "SIGKILL"));
  const rows: Row[] = [];
  const left: string[] = [];
  const lines = child.stdout.pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream());
  for await (const line of lines) {
    if (line.startsWith(ROWS)) {
      rows.push(...JSON.parse(line.slice(ROWS.length)));
      continue;
    }
    if (line.startsWith(LEFT_BEHIND)) left.push(line);
    say(line);
  }
  const { code } = await child.status;
  if (code !== 0) {
    const failures = [`The part exited with code ${code}`];
    rows.push({ what: "the part itself", times: 1, failures });
  }
  rows.push({ what: "nothing left behind", times: 1, failures: left });
  return rows;
}

async function run(options: Options, cleanup: Cleanup): Promise<number> {
  const all: Row[] = [];
  for (const part of options.parts) {
    const rows = await runPart(part, options, cleanup);
    const { seed, minutes } = options;
    const date = new Date().toISOString().slice(0, 16);
    const runs = addRun({ date, part, seed, minutes }, rows);
    say([...totalLines(part, runs), ...reportLines(part, rows)].join("\n"));
    all.push(...rows);
  }
  const failed = all.filter(({ failures }) => failures.length > 0).length;
  if (options.parts.length === PARTS.length) {
    say(`${all.length - failed} passed, ${failed} failed`);
  }
  return failed;
}

const options = optionsOf(Deno.args);
if (!options) {
  Deno.stderr.writeSync(encoder.encode(`${USAGE}\n`));
  Deno.exit(1);
}
Deno.exit(await countFailures((cleanup) => run(options, cleanup)));
