import { assert, assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../../src/base/errors.ts";
import { verbsLibrary } from "../../../src/hca/verbs/device.ts";
import { umadLibrary } from "../../../src/hca/verbs/umad_port.ts";

function missing(): never {
  throw new Error("libx.so.1: cannot open shared object file");
}

for (
  const [name, open, message, hint] of [
    [
      "verbsLibrary()",
      () => verbsLibrary(missing),
      "InfiniBand devices cannot be used: libibverbs is missing",
      "libibverbs1",
    ],
    [
      "umadLibrary()",
      () => umadLibrary("mlx5_0/1", missing),
      "The subnet manager of mlx5_0/1 cannot be reached: libibumad is missing",
      "libibumad3",
    ],
  ] as const
) {
  Deno.test(`${name} names the library that is missing and its package`, () => {
    const error = assertThrows(open, IpoibError);
    assertEquals([error.code, error.errno], ["E_LIBRARY", 2]);
    assertEquals(error.message, message);
    assert(error.hint?.includes(hint), error.hint);
    assert(error.cause instanceof Error);
  });
}
