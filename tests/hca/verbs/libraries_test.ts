import { assert, assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../../src/base/errors.ts";
import { verbsLibrary } from "../../../src/hca/verbs/device.ts";
import { umadLibrary } from "../../../src/hca/verbs/umad_port.ts";

/** Fails as dlopen(3) does if the library is missing. */
function missing(): never {
  throw new Error("libx.so.1: cannot open shared object file");
}

for (
  const [name, open, message, hint] of [
    [
      "verbsLibrary()",
      () => verbsLibrary(missing),
      "Cannot use InfiniBand devices: libibverbs cannot be loaded",
      "libibverbs1",
    ],
    [
      "umadLibrary()",
      () => umadLibrary("mlx5_0/1", missing),
      "Cannot reach the subnet manager of mlx5_0/1: libibumad cannot be loaded",
      "libibumad3",
    ],
  ] as const
) {
  Deno.test(`${name} reports the library that cannot be loaded, and its package`, () => {
    const error = assertThrows(open, IpoibError);
    assertEquals([error.code, error.errno], ["E_LIBRARY", 2]);
    assertEquals(error.message, message);
    assert(error.hint?.includes(hint), error.hint);
    assert(error.cause instanceof Error);
  });
}
