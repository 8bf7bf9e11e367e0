/** The fuzzer: detection, replay and minimization of a failure, and mutation. */

import { assert, assertEquals } from "@std/assert";
import { minimize, signature } from "../../../scripts/torture/fuzz/minimize.ts";
import { mutate } from "../../../scripts/torture/fuzz/mutation.ts";
import { replay, Runner } from "../../../scripts/torture/fuzz/runner.ts";
import { random } from "../../wire/support.ts";
import type { FuzzTarget } from "../../fuzz/targets/target.ts";

const BAD = 0x42;

/** A target that fails at the second input that contains {@linkcode BAD}. */
const faulty: FuzzTarget = {
  name: "faulty",
  kind: "bytes",
  inputsPerSession: 10,
  open() {
    let seen = 0;
    return {
      run(input) {
        if (input.includes(BAD) && ++seen === 2) throw new Error("twice");
        return true;
      },
    };
  },
};

Deno.test("Runner returns the inputs of the session of a failure, and replay() reproduces it", async () => {
  const runner = new Runner(faulty);
  assertEquals(await runner.run(Uint8Array.of(1)), undefined);
  assertEquals(await runner.run(Uint8Array.of(BAD)), undefined);
  const failure = await runner.run(Uint8Array.of(5, BAD));
  assertEquals(failure?.inputs.length, 3);
  const error = await replay(faulty, failure!.inputs);
  assertEquals(signature(error!), signature(failure!.error));
});

Deno.test("minimize() removes inputs and bytes that are not needed for the failure", async () => {
  const inputs = [1, 2, BAD, 3, BAD, 4].map((byte) =>
    Uint8Array.of(7, 7, byte, 7)
  );
  const failure = { inputs, error: (await replay(faulty, inputs))! };
  const least = await minimize(faulty, failure);
  assertEquals(least.map((input) => [...input]), [[BAD], [BAD]]);
});

Deno.test("Runner closes a session after its last input, and an error of close() is a failure", async () => {
  let open = 0;
  const runner = new Runner({
    ...faulty,
    inputsPerSession: 2,
    open: () => {
      open++;
      return {
        run: () => true,
        close: () => {
          if (open === 2) throw new Error("leak");
        },
      };
    },
  });
  const results = [];
  for (let i = 0; i < 4; i++) results.push(await runner.run(new Uint8Array(1)));
  assertEquals(results.map((result) => result?.error.message), [
    ...[undefined, undefined, undefined],
    "leak",
  ]);
});

for (const kind of ["bytes", "json", "text"] as const) {
  Deno.test(`mutate() returns different ${kind} inputs, and the same ones for the same seed`, () => {
    const corpus = ['{"type":"hello","lid":[1,2]}', "up ib0 --mtu 2044"]
      .map((text) => new TextEncoder().encode(text));
    const some = () => {
      const next = random(7);
      return Array.from(
        { length: 500 },
        () => String(mutate(kind, corpus, next)),
      );
    };
    const first = some();
    assertEquals(some(), first);
    assert(new Set(first).size > 300);
    assertEquals(corpus.map((input) => input.length), [28, 17]);
  });
}
