/**
 * Program that fuzzes a target: `child.ts TARGET SEED MS FILE`. Writes the current input to FILE and prints JSON lines:
 * {progress} every second, {result} at the end.
 */

import { Coverage } from "./coverage.ts";
import { CurrentInput } from "./current_input.ts";

const [name, seed, ms, file] = Deno.args;
const COVERAGE = Deno.env.get("IPOIB_TORTURE_COVERAGE") !== "0";
const PROGRESS_MS = 1000;

const encoder = new TextEncoder();
const print = (value: unknown) =>
  void Deno.stdout.writeSync(encoder.encode(`${JSON.stringify(value)}\n`));

// Coverage must start before the program's modules are loaded.
const coverage = COVERAGE ? await Coverage.start() : undefined;
const { FUZZ_TARGETS } = await import("../../../tests/fuzz/targets/all.ts");
const { fuzzTarget } = await import("./fuzz_target.ts");

let printed = performance.now();
const result = await fuzzTarget(
  FUZZ_TARGETS.find((target) => target.name === name)!,
  {
    seed: Number(seed),
    ms: Number(ms),
    ...(coverage && { coverage }),
    current: new CurrentInput(file!),
    progress: (inputs) => {
      if (performance.now() - printed < PROGRESS_MS) return;
      printed = performance.now();
      print({ progress: inputs });
    },
  },
);
print({ result });
Deno.exit(0);
