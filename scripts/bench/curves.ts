/**
 * Measures curves: `deno task bench-curves [--repeats N] [--seconds S] [--only NAME]... [--svg FOLDER]`.
 *
 * Each sweep (sweeps/) measures quantities at several settings of a parameter: MTU, load, rx-usecs. Prints a table of
 * the medians and, with `--svg`, writes a chart NAME.svg into a folder. Needs root, gcc, iperf3, ping and ip.
 */

import { parseArgs } from "@std/cli/parse-args";
import { IpoibError } from "../../src/base/errors.ts";
import { type Cleanup, workAndCleanUp } from "../cleanup.ts";
import { killAll } from "./inside.ts";
import { runSweep } from "./run_sweep.ts";
import type { Sweep } from "./sweep.ts";
import { sweepChart, sweepTable } from "./sweep_report.ts";
import { SWEEPS } from "./sweeps/all.ts";
import { compilePrograms } from "./yardstick.ts";

const USAGE =
  "Usage: deno task bench-curves [--repeats N] [--seconds S] [--svg FOLDER] " +
  `[--only ${SWEEPS.map(({ name }) => name).join("|")}]...`;

const encoder = new TextEncoder();
const say = (line: string) =>
  void Deno.stdout.writeSync(encoder.encode(`${line}\n`));

interface Options {
  readonly repeats: number;
  readonly seconds: number;
  readonly sweeps: readonly Sweep[];
  readonly svg: string | undefined;
}

/** Parses the arguments. Returns undefined if they are invalid. */
function optionsOf(args: readonly string[]): Options | undefined {
  let known = true;
  const parsed = parseArgs([...args], {
    string: ["repeats", "seconds", "svg", "only"],
    collect: ["only"],
    default: { repeats: "5", seconds: "3" },
    unknown: () => known = false,
  });
  const repeats = Number(parsed.repeats);
  const seconds = Number(parsed.seconds);
  const only = parsed.only as string[];
  const sweeps = SWEEPS.filter(({ name }) =>
    only.length === 0 || only.includes(name)
  );
  const found = only.every((name) => SWEEPS.some((each) => each.name === name));
  const whole = [repeats, seconds].every((each) =>
    Number.isInteger(each) && each >= 1
  );
  if (!known || !whole || !found) return undefined;
  const svg = parsed.svg === undefined ? undefined : String(parsed.svg);
  return { repeats, seconds, sweeps, svg };
}

/** Describes the machine and the run: figures of different runs are not comparable. */
function captionOf({ title }: Sweep, repeats: number): string {
  const date = new Date().toISOString().slice(0, 10);
  return `${title}: medians and ranges of ${repeats} repeats, ` +
    `${navigator.hardwareConcurrency} CPUs, Linux ${Deno.osRelease()}, ${date}`;
}

async function measure(options: Options, cleanup: Cleanup): Promise<void> {
  const { sweeps, svg, repeats, seconds } = options;
  const folder = await Deno.makeTempDir({ prefix: "ipoib-bench-" });
  cleanup.add(() => Deno.remove(folder, { recursive: true }));
  cleanup.add(killAll);
  await compilePrograms(folder);
  if (svg !== undefined) await Deno.mkdir(svg, { recursive: true });
  for (const sweep of sweeps) {
    const result = await runSweep(
      sweep,
      { repeats, seconds, folder, say, pps: `${folder}/pps` },
      cleanup,
    );
    const caption = captionOf(sweep, repeats);
    say(`\n${caption}\n\n${sweepTable(sweep, result)}\n`);
    if (svg === undefined) continue;
    const image = await sweepChart(sweep, result, caption);
    await Deno.writeTextFile(`${svg}/${sweep.name}.svg`, image);
  }
}

function complain(sentence: string, code: number): number {
  Deno.stderr.writeSync(encoder.encode(`${sentence}\n`));
  return code;
}

async function main(): Promise<number> {
  const options = optionsOf(Deno.args);
  if (!options) return complain(USAGE, 1);
  if (Deno.uid() !== 0) return complain("The benchmark needs root", 2);
  return await workAndCleanUp(
    (cleanup) => measure(options, cleanup),
    (error) =>
      complain(`The benchmark failed: ${IpoibError.from(error).message}`, 1),
  );
}

Deno.exit(await main());
