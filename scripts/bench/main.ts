/**
 * Benchmark: `deno task bench [--repeats N] [--seconds S] [--json FILE] [--beside TREE] [--only NAME]...`. Compares the
 * program with a C program that splices TUNs, with a minimal program of the same design, with another version of itself
 * (`--beside TREE`), and with openvpn and wireguard-go if they are installed.
 *
 * Results of one machine drift by a factor of two within hours, so each repeat measures all subjects in turn, and only
 * ratios are meaningful. No test asserts them. Needs root, gcc, iperf3, ping and ip.
 *
 * `--only tables`, `--only debug` and `--only capture` measure the engine alone (engine/), without root. `--only kernel`, `--only perftest`
 * and `--only roce` measure real verbs in virtual machines (guests/), with the test rig.
 */

import { IpoibError } from "../../src/base/errors.ts";
import { type Cleanup, workAndCleanUp } from "../cleanup.ts";
import { isInstalled } from "../test/packages.ts";
import { dropsText } from "./drops.ts";
import { killAll } from "./inside.ts";
import { ENGINE_MEASUREMENTS } from "./engine/all.ts";
import { runEngine } from "./engine/engine_measurement.ts";
import { GUEST_MEASUREMENTS } from "./guests/all.ts";
import { runGuests } from "./guests/run_guests.ts";
import { MEASUREMENTS } from "./measurements/all.ts";
import { type Choice, type Options, optionsOf, usage } from "./options.ts";
import { rowsOf, table, type TableResult } from "./report.ts";
import { type Outcome, Run } from "./run.ts";
import { columnsOf, TUNNEL_COLUMNS } from "./subjects.ts";
import { compilePrograms } from "./yardstick.ts";

const CHOICE: Choice = {
  measurements: MEASUREMENTS,
  engineMeasurements: ENGINE_MEASUREMENTS,
  guestMeasurements: GUEST_MEASUREMENTS,
};

/** Programs that the measurements outside virtual machines need, and their Debian packages. */
const PACKAGES = {
  gcc: "gcc and libc6-dev",
  iperf3: "iperf3",
  ping: "iputils-ping",
  ip: "iproute2",
};

const encoder = new TextEncoder();
const say = (line: string) =>
  void Deno.stdout.writeSync(encoder.encode(`${line}\n`));

/** Returns the reason why the benchmark cannot run, or undefined if it can. */
function obstacle(
  { measurements, guestMeasurements }: Options,
): string | undefined {
  const outside = measurements.length + guestMeasurements.length > 0;
  if (outside && Deno.uid() !== 0) return "The benchmark needs root";
  const packages: Record<string, string> = Object.assign(
    measurements.length > 0 ? { ...PACKAGES } : {},
    ...guestMeasurements.map((each) => each.packages),
  );
  const missing = Object.entries(packages)
    .filter(([program]) => !isInstalled(program))
    .map(([, name]) => name);
  return missing.length === 0
    ? undefined
    : `The benchmark needs the Debian packages ${missing.join(", ")}`;
}

async function bench(options: Options, cleanup: Cleanup): Promise<void> {
  const started = performance.now();
  const outcome = options.measurements.length > 0
    ? await inNamespaces(options, cleanup)
    : undefined;
  const guests: TableResult[] = [];
  for (const each of options.guestMeasurements) {
    guests.push(await runGuests(each, options, say, cleanup));
  }
  const engine: TableResult[] = [];
  for (const each of options.engineMeasurements) {
    const folder = await temporaryFolder(cleanup);
    const series = await runEngine(each, options.repeats, folder, say);
    engine.push({ series, columns: each.columns, failures: [] });
  }
  if (outcome) report(options, outcome);
  for (const each of [...guests, ...engine]) reportTable(options, each);
  const seconds = Math.round((performance.now() - started) / 1000);
  say(`\nTook ${seconds} s`);
  if (options.json) {
    const text = JSON.stringify(
      record(options, outcome, [...guests, ...engine]),
      null,
      2,
    );
    await Deno.writeTextFile(options.json, `${text}\n`);
  }
  const failures = [outcome, ...guests, ...engine].flatMap((each) =>
    each?.failures ?? []
  );
  if (failures.length > 0) say(`\nFailed:\n${failures.join("\n")}`);
}

async function temporaryFolder(cleanup: Cleanup): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "ipoib-bench-" });
  cleanup.add(() => Deno.remove(folder, { recursive: true }));
  return folder;
}

async function inNamespaces(
  options: Options,
  cleanup: Cleanup,
): Promise<Outcome> {
  const folder = await temporaryFolder(cleanup);
  cleanup.add(killAll);
  await compilePrograms(folder);
  return await new Run(options, folder, say).all(cleanup);
}

function report(options: Options, outcome: Outcome): void {
  const { series, absent, drops } = outcome;
  const tunnels = TUNNEL_COLUMNS.filter(({ to, subject }) =>
    !((to ?? subject) in absent)
  );
  say(caption(options.repeats));
  say(table(series, columnsOf(options)));
  const paired = series.filter(({ values }) =>
    tunnels.some(({ title }) => title in values)
  );
  if (paired.length > 0) say(`\n${table(paired, tunnels)}`);
  for (const { own } of options.measurements) {
    if (own) say(`\n${table(series, own.columns)}`);
  }
  for (const [name, why] of Object.entries(absent)) say(`${name}: ${why}`);
  say("\nPackets lost during measurements, by reason");
  for (const [name, counts] of Object.entries(drops)) {
    say(`${name}: ${dropsText(counts)}`);
  }
}

function reportTable(
  { repeats }: Options,
  { series, columns }: TableResult,
): void {
  say(caption(repeats));
  say(table(series, columns));
}

function caption(repeats: number): string {
  return `\nMedians of ${repeats} repeats; ratios are medians of the ratios of each repeat\n`;
}

function record(
  options: Options,
  outcome: Outcome | undefined,
  others: readonly TableResult[],
): unknown {
  const { measurements, engineMeasurements, guestMeasurements } = options;
  const columns = [
    ...columnsOf(options),
    ...TUNNEL_COLUMNS,
    ...measurements.flatMap(({ own }) => own?.columns ?? []),
  ];
  return {
    when: new Date().toISOString(),
    deno: Deno.version.deno,
    kernel: Deno.osRelease(),
    cpus: navigator.hardwareConcurrency,
    repeats: options.repeats,
    seconds: options.seconds,
    measurements: [
      ...measurements,
      ...guestMeasurements,
      ...engineMeasurements,
    ].map(({ name }) => name),
    absent: outcome?.absent ?? {},
    drops: outcome?.drops ?? {},
    rows: [
      ...rowsOf(outcome?.series ?? [], columns),
      ...others.flatMap((each) => rowsOf(each.series, each.columns)),
    ],
    series: [outcome, ...others].flatMap((each) => each?.series ?? []),
    failures: [outcome, ...others].flatMap((each) => each?.failures ?? []),
  };
}

function complain(sentence: string, code: number): number {
  Deno.stderr.writeSync(encoder.encode(`${sentence}\n`));
  return code;
}

async function main(): Promise<number> {
  const options = optionsOf(Deno.args, CHOICE);
  if (!options) return complain(usage(CHOICE), 1);
  const sentence = obstacle(options);
  if (sentence) return complain(sentence, 2);
  return await workAndCleanUp(
    (cleanup) => bench(options, cleanup),
    (error) =>
      complain(`The benchmark failed: ${IpoibError.from(error).message}`, 1),
  );
}

Deno.exit(await main());
