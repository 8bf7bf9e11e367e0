/** Part "fuzz": fuzzes each target for an equal share of the time, one target on each processor. */

import { TextLineStream } from "../../opensm/lines.ts";
import { FUZZ_TARGETS } from "../../../tests/fuzz/targets/all.ts";
import { endChild } from "../../cleanup.ts";
import type { PartOptions, Row } from "../part.ts";
import { keepFailure } from "./corpus.ts";
import { CurrentInput } from "./current_input.ts";
import type { FuzzResult } from "./fuzz_target.ts";

/** A target without progress for this time hangs. */
const HANG_MS = 60_000;
const CHECK_INTERVAL_MS = 2000;
const CHILD = new URL("child.ts", import.meta.url).pathname;

/** Runs the part. */
export async function runFuzz(options: PartOptions): Promise<Row[]> {
  const { only, minutes } = options;
  const targets = FUZZ_TARGETS.filter(({ name }) =>
    only.length === 0 || only.includes(name)
  );
  const workers = Math.min(navigator.hardwareConcurrency, targets.length);
  const ms = minutes * 60_000 * workers / targets.length;
  const folder = await Deno.makeTempDir({ prefix: "ipoib-fuzz-" });
  options.cleanup.add(() => Deno.remove(folder, { recursive: true }));
  const rows: Row[] = [];
  const queue = targets.map(({ name }) => name);
  const work = async () => {
    for (let name = queue.shift(); name; name = queue.shift()) {
      const row = await fuzzOne(name, ms, `${folder}/${name}`, options);
      options.say(`${row.what}: ${row.times} inputs, ${row.note}`);
      rows.push(row);
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  return rows.sort((a, b) => a.what.localeCompare(b.what));
}

async function fuzzOne(
  name: string,
  ms: number,
  file: string,
  { seed, cleanup }: PartOptions,
): Promise<Row> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--allow-all", "--no-check"],
      "--v8-flags=--expose-gc",
      ...[CHILD, name, String(seed), String(Math.round(ms)), file],
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  cleanup.add(() => endChild(child, "SIGKILL"));
  let result: FuzzResult | undefined;
  let inputs = 0;
  let lastOutput = performance.now();
  let hung = false;
  const watch = setInterval(() => {
    if (performance.now() - lastOutput < HANG_MS) return;
    hung = true;
    clearInterval(watch);
    void endChild(child, "SIGKILL");
  }, CHECK_INTERVAL_MS);
  const errors = new Response(child.stderr).text();
  const lines = child.stdout.pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream());
  for await (const line of lines) {
    lastOutput = performance.now();
    const message = JSON.parse(line);
    inputs = message.progress ?? inputs;
    result = message.result ?? result;
  }
  clearInterval(watch);
  const { code } = await child.status;
  if (result) {
    return {
      what: name,
      times: result.inputs,
      failures: result.failures,
      note: `${result.blocks} blocks, ${result.kept} inputs kept`,
    };
  }
  const why = hung ? "hang" : `exit code ${code}: ${await errors}`;
  const kept = keepFailure(name, [CurrentInput.read(file)], why);
  return {
    what: name,
    times: inputs,
    failures: [`${why}, seed ${seed}; the last input: ${kept}`],
    note: why.slice(0, 60),
  };
}
