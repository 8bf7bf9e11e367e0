/**
 * Runs every fuzz target on its corpus and on seeded mutations of the corpus.
 *
 * `deno task torture fuzz` runs the same targets for a given time and adds failing inputs to the corpora.
 */

import { assert } from "@std/assert";
import { patient } from "../../scripts/machine.ts";
import { readCorpus } from "../../scripts/torture/fuzz/corpus.ts";
import { mutate } from "../../scripts/torture/fuzz/mutation.ts";
import { replay, Runner } from "../../scripts/torture/fuzz/runner.ts";
import { FULL } from "../../scripts/test/form.ts";
import { random } from "../wire/support.ts";
import { FUZZ_TARGETS } from "./targets/all.ts";
import { type FuzzTarget, toHex } from "./targets/target.ts";

/** Numbers of mutations of a target (short form): at least, and at most if the time is not over before. */
const LEAST = 200;
const MOST = 2000;
const TIME_MS = 500;
const SEED = 0x1b0b;

/** Runs one input in a new session. Returns true if the target accepts it, and throws if the target fails. */
async function verdict(
  target: FuzzTarget,
  input: Uint8Array,
): Promise<boolean> {
  const session = target.open();
  try {
    return await session.run(input);
  } finally {
    await session.close?.();
  }
}

for (const target of FUZZ_TARGETS) {
  const { name, kind } = target;
  Deno.test(`${name}: corpus`, async () => {
    const corpus = readCorpus(name);
    const verdicts = new Set<boolean>();
    for (const { file, inputs } of corpus) {
      try {
        if (inputs.length === 1) {
          verdicts.add(await verdict(target, inputs[0]!));
        } else {
          const error = await replay(target, inputs);
          if (error) throw error;
        }
      } catch (cause) {
        throw new Error(file, { cause });
      }
    }
    assert(verdicts.has(true), "the target accepts an input of the corpus");
    assert(verdicts.has(false), "the target refuses an input of the corpus");
  });

  Deno.test(`${name}: mutations of the corpus`, async () => {
    const inputs = readCorpus(name).flatMap(({ inputs }) => inputs);
    const next = random(SEED);
    const runner = new Runner(target);
    const full = FULL ? target.fullMutations : undefined;
    const most = full ?? MOST;
    const end = full ? Infinity : performance.now() + patient(TIME_MS);
    let failure;
    for (let i = 0; i < most; i++) {
      if (i >= LEAST && performance.now() >= end) break;
      failure = await runner.run(mutate(kind, inputs, next));
      if (failure) break;
    }
    failure ??= await runner.close();
    if (!failure) return;
    const text = failure.inputs.slice(-5).map(toHex).join("\n");
    throw new Error(`${name} failed; last inputs:\n${text}`, {
      cause: failure.error,
    });
  });
}
