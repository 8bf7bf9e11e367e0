/**
 * Inputs from anywhere: every file of the corpora, and some seeded mutations of them.
 *
 * `deno task torture fuzz` runs the same targets for as long as one likes, and writes what fails into the corpora.
 */

import { assert } from "@std/assert";
import { readCorpus } from "../../scripts/torture/fuzz/corpus.ts";
import { mutate } from "../../scripts/torture/fuzz/mutation.ts";
import { replay, Runner } from "../../scripts/torture/fuzz/runner.ts";
import { random } from "../wire/support.ts";
import { FUZZ_TARGETS } from "./targets/all.ts";
import { type FuzzTarget, toHex } from "./targets/target.ts";

/** Mutations of each target; those after TIME_MS are left out. */
const MUTATIONS = 2000;
const TIME_MS = 500;
const SEED = 0x1b0b;

/** What a single file says of its target: accepted, refused, or an error. */
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
  Deno.test(`${name}: the corpus`, async () => {
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
    assert(verdicts.has(true), "something in the corpus is accepted");
    assert(verdicts.has(false), "something in the corpus is refused");
  });

  Deno.test(`${name}: mutations of the corpus`, async () => {
    const inputs = readCorpus(name).flatMap(({ inputs }) => inputs);
    const next = random(SEED);
    const runner = new Runner(target);
    const end = performance.now() + TIME_MS;
    let failure;
    for (let i = 0; i < MUTATIONS && performance.now() < end; i++) {
      failure = await runner.run(mutate(kind, inputs, next));
      if (failure) break;
    }
    failure ??= await runner.close();
    if (!failure) return;
    const text = failure.inputs.slice(-5).map(toHex).join("\n");
    throw new Error(`${name}, the last inputs:\n${text}`, {
      cause: failure.error,
    });
  });
}
