import { assertEquals } from "@std/assert";
import { edgesOf, findCycle } from "../../../scripts/check_layers/graph.ts";

const root = "file:///project/";

Deno.test("edgesOf() returns the imports between files of the project", () => {
  const { edges, files, errors } = edgesOf({
    modules: [
      {
        specifier: `${root}src/cli/up.ts`,
        dependencies: [
          {
            specifier: "../base/a.ts",
            code: { specifier: `${root}src/base/a.ts` },
          },
          {
            specifier: "../ipc/b.ts",
            type: { specifier: `${root}src/ipc/b.ts` },
          },
          {
            specifier: "../daemon/c.ts",
            code: { specifier: `${root}src/daemon/c.ts` },
            isDynamic: true,
          },
          { specifier: "valibot", code: { specifier: "npm:valibot@1.5.0" } },
          { specifier: "x", type: { specifier: `${root}src/base/std.d.ts` } },
        ],
      },
      { specifier: "npm:/valibot@1.5.0" },
      { specifier: `${root}src/base/a.ts`, error: "Module not found" },
    ],
  }, root);
  const from = "src/cli/up.ts";
  assertEquals(edges, [
    { from, to: "src/base/a.ts", lazy: false },
    { from, to: "src/ipc/b.ts", lazy: false },
    { from, to: "src/daemon/c.ts", lazy: true },
  ]);
  assertEquals(files, [from, "src/base/a.ts"]);
  assertEquals(errors, ["src/base/a.ts: Module not found"]);
});

Deno.test("findCycle() finds a cycle of modules and ignores lazy imports", () => {
  const one = { from: "src/wire/a.ts", to: "src/system/b.ts", lazy: false };
  const two = { from: "src/system/c.ts", to: "src/sa/d.ts", lazy: false };
  const back = { from: "src/sa/e.ts", to: "src/wire/f.ts", lazy: false };
  assertEquals(findCycle([one, two]), undefined);
  assertEquals(findCycle([one, two, back]), ["wire", "system", "sa", "wire"]);
  assertEquals(findCycle([one, two, { ...back, lazy: true }]), undefined);
});
