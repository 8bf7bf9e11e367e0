/** No header of the other architecture is needed: only the mutex of `struct ibv_context` has another size there. */

import { assertEquals } from "@std/assert";
import { contextEnd } from "../../ffi/context_end.ts";
import { IbvContext } from "../../ffi/verbs_layout.ts";
import { evaluate, skipReason } from "./evaluate.ts";

/** The mutex of glibc on each architecture: bits/pthreadtypes-arch.h, `__SIZEOF_PTHREAD_MUTEX_T`. */
const MUTEX_BYTES = [["x86_64", 40], ["aarch64", 48]] as const;
const reason = skipReason("infiniband/verbs.h");

for (const [arch, bytes] of MUTEX_BYTES) {
  Deno.test({
    name:
      `the end of struct ibv_context is that of a header with the mutex of ${arch}${reason}`,
    ignore: reason !== "",
    fn: async () => {
      const mutex = [
        "#include <pthread.h>",
        '#pragma GCC diagnostic ignored "-Wincompatible-pointer-types"',
        `typedef union { char size[${bytes}]; long align; } mutex;`,
        "#define pthread_mutex_t mutex",
      ].join("\n");
      const end = new Map([
        ["AbiCompat", "offsetof(struct ibv_context, abi_compat)"],
        ["Size", "sizeof(struct ibv_context)"],
      ]);
      const expected = await evaluate("infiniband/verbs.h", end, mutex);
      assertEquals<Record<string, number>>(contextEnd(arch), expected);
    },
  });
}

Deno.test("struct ibv_context ends 8 bytes later on aarch64, whose mutex is larger", () => {
  assertEquals(contextEnd("x86_64"), { AbiCompat: 320, Size: 328 });
  assertEquals(contextEnd("aarch64"), { AbiCompat: 328, Size: 336 });
  const { AbiCompat, Size } = IbvContext;
  assertEquals({ AbiCompat, Size }, contextEnd(Deno.build.arch));
});
