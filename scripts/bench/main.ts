/**
 * Measures the program side by side with a C program that splices TUNs, and beside openvpn and wireguard-go where they
 * are installed, as `deno task bench [--repeats N] [--seconds S] [--json FILE] [--only NAME]...`.
 *
 * Figures of one machine drift by a factor of two within hours, so each repeat measures all one after the other, and
 * only ratios mean anything. Printed, never asserted. Needs root, gcc, iperf3, ping and ip.
 */

import { IpoibError } from "../../src/base/errors.ts";
import { type Cleanup, workAndCleanUp } from "../cleanup.ts";
import { isInstalled } from "../test/packages.ts";
import { dropsText } from "./drops.ts";
import { endAll } from "./inside.ts";
import { MEASUREMENTS } from "./measurements/all.ts";
import { type Options, optionsOf, usage } from "./options.ts";
import { rowsOf, table } from "./report.ts";
import { type Outcome, Run } from "./run.ts";
import { COLUMNS, TUNNEL_COLUMNS } from "./subjects.ts";
import { compilePrograms } from "./yardstick.ts";

const PACKAGES = {
  gcc: "gcc and libc6-dev",
  iperf3: "iperf3",
  ping: "iputils-ping",
  ip: "iproute2",
};

const encoder = new TextEncoder();
const say = (line: string) =>
  void Deno.stdout.writeSync(encoder.encode(`${line}\n`));

/** Why the bench cannot run here, or undefined. */
function obstacle(): string | undefined {
  if (Deno.uid() !== 0) return "The bench needs root";
  const missing = Object.entries(PACKAGES)
    .filter(([program]) => !isInstalled(program))
    .map(([, name]) => name);
  return missing.length === 0
    ? undefined
    : `The bench needs the Debian packages ${missing.join(", ")}`;
}

async function bench(options: Options, cleanup: Cleanup): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "ipoib-bench-" });
  cleanup.add(() => Deno.remove(folder, { recursive: true }));
  cleanup.add(endAll);
  await compilePrograms(folder);
  const started = performance.now();
  const outcome = await new Run(options, folder, say).all(cleanup);
  report(options, outcome);
  const seconds = Math.round((performance.now() - started) / 1000);
  say(`\nTook ${seconds} s`);
  if (options.json) {
    const text = JSON.stringify(record(options, outcome), null, 2);
    await Deno.writeTextFile(options.json, `${text}\n`);
  }
}

function report({ repeats }: Options, outcome: Outcome): void {
  const { series, absent, failures, drops } = outcome;
  const tunnels = TUNNEL_COLUMNS.filter(({ to, subject }) =>
    !((to ?? subject) in absent)
  );
  say(`\nMedians of ${repeats}; ratios repeat by repeat\n`);
  say(table(series, COLUMNS));
  const paired = series.filter(({ values }) =>
    tunnels.some(({ title }) => title in values)
  );
  if (paired.length > 0) say(`\n${table(paired, tunnels)}`);
  for (const [name, why] of Object.entries(absent)) say(`${name}: ${why}`);
  say("\nLost while measured, by reason");
  for (const [name, counts] of Object.entries(drops)) {
    say(`${name}: ${dropsText(counts)}`);
  }
  if (failures.length > 0) say(`\n${failures.join("\n")}`);
}

function record(options: Options, outcome: Outcome): unknown {
  const columns = [...COLUMNS, ...TUNNEL_COLUMNS];
  return {
    when: new Date().toISOString(),
    deno: Deno.version.deno,
    kernel: Deno.osRelease(),
    cpus: navigator.hardwareConcurrency,
    repeats: options.repeats,
    seconds: options.seconds,
    measurements: options.measurements.map(({ name }) => name),
    rows: rowsOf(outcome.series, columns),
    ...outcome,
  };
}

function complain(sentence: string, code: number): number {
  Deno.stderr.writeSync(encoder.encode(`${sentence}\n`));
  return code;
}

async function main(): Promise<number> {
  const options = optionsOf(Deno.args, MEASUREMENTS);
  if (!options) return complain(usage(MEASUREMENTS), 1);
  const sentence = obstacle();
  if (sentence) return complain(sentence, 2);
  return await workAndCleanUp(
    (cleanup) => bench(options, cleanup),
    (error) =>
      complain(`The bench failed: ${IpoibError.from(error).message}`, 1),
  );
}

Deno.exit(await main());
