import { assertEquals } from "@std/assert";
import {
  MAY_IMPORT,
  MAY_IMPORT_LAZILY,
  type Module,
  moduleOf,
  violation,
} from "../../../scripts/check_layers/rules.ts";
import { findCycle } from "../../../scripts/check_layers/graph.ts";

const edge = (from: string, to: string, lazy = false) => ({ from, to, lazy });

/** Returns the path of a file of `module`. */
const fileIn = (module: string) =>
  module === "main"
    ? "main.ts"
    : module === "ffi"
    ? "ffi/a.ts"
    : `src/${module}/a.ts`;

Deno.test("moduleOf() returns the module of a path", () => {
  assertEquals(moduleOf("main.ts"), "main");
  assertEquals(moduleOf("ffi/libc.ts"), "ffi");
  assertEquals(moduleOf("src/wire/arp.ts"), "wire");
  assertEquals(moduleOf("src/hca/hca.ts"), "hca");
  assertEquals(moduleOf("src/hca/soft/port.ts"), "hca/soft");
  assertEquals(moduleOf("src/hca/verbs/ring/cq.ts"), "hca/verbs");
  assertEquals(moduleOf("src/ipoib/neighbour/table.ts"), "ipoib");
  assertEquals(moduleOf("src/stray.ts"), undefined);
  assertEquals(moduleOf("src/attic/a.ts"), undefined);
  assertEquals(moduleOf("tests/wire/arp_test.ts"), undefined);
});

Deno.test("violation() allows exactly the imports of the table", () => {
  const modules = Object.keys(MAY_IMPORT) as Module[];
  for (const from of modules) {
    const allowed: readonly Module[] = MAY_IMPORT[from];
    for (const to of modules) {
      const found = violation(edge(fileIn(from), fileIn(to)));
      assertEquals(
        found === undefined,
        from === to || allowed.includes(to),
        `${from} -> ${to}: ${found}`,
      );
    }
  }
});

Deno.test("violation() returns the rule", () => {
  assertEquals(
    violation(edge("src/base/log.ts", "src/wire/gid.ts")),
    "base may import no module; not wire",
  );
  assertEquals(
    violation(edge("src/wire/gid.ts", "ffi/libc.ts")),
    "wire may import base; not ffi",
  );
  assertEquals(
    violation(edge("src/ipoib/tx.ts", "src/hca/soft/port.ts")),
    "ipoib may import base, wire, system, hca, netdev, sa, cm; not hca/soft",
  );
});

Deno.test("violation() allows cli to import daemon only lazily", () => {
  const [from, to] = ["src/cli/up.ts", "src/daemon/start.ts"];
  assertEquals(violation(edge(from, to, true)), undefined);
  assertEquals(
    violation(edge(from, to)),
    "cli may import daemon only lazily",
  );
});

Deno.test("violation() allows every module to import deno.json", () => {
  assertEquals(violation(edge("src/ipc/version.ts", "deno.json")), undefined);
});

Deno.test("violation() refuses imports of tests and scripts, and unknown modules", () => {
  const rule = "the program may import only its own modules";
  assertEquals(violation(edge("src/wire/a.ts", "tests/wire/b.ts")), rule);
  assertEquals(violation(edge("main.ts", "scripts/demo.ts")), rule);
  assertEquals(
    violation(edge("src/attic/a.ts", "src/base/b.ts")),
    "the file belongs to no module of the table",
  );
  assertEquals(violation(edge("tests/a.ts", "scripts/b.ts")), undefined);
});

Deno.test("MAY_IMPORT has no cycle", () => {
  const edges = Object.entries(MAY_IMPORT).flatMap(([from, allowed]) =>
    allowed.map((to) => edge(fileIn(from), fileIn(to)))
  );
  assertEquals(findCycle(edges), undefined);
  assertEquals(Object.keys(MAY_IMPORT_LAZILY), ["cli"]);
});
