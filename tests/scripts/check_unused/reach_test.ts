import { assertEquals } from "@std/assert";
import { reach, unusedExports } from "../../../scripts/check_unused/reach.ts";
import { parseSource } from "../../../scripts/check_unused/source.ts";

/** Returns the declarations that `a.ts` does not reach, as `file name`, and the files that it does not reach. */
function unreached(files: Record<string, string>): string[] {
  const sources = parsed(files);
  const { declarations, files: seen } = reach(sources, ["a.ts"]);
  return [...sources.values()].flatMap((source) =>
    seen.has(source.path)
      ? source.declarations.filter((each) => !declarations.has(each))
        .map(({ name }) => `${source.path} ${name}`)
      : [source.path]
  );
}

function parsed(files: Record<string, string>) {
  return new Map(
    Object.entries(files).map(([path, text]) => [
      path,
      parseSource(path, text, (path) => Object.hasOwn(files, path)),
    ]),
  );
}

Deno.test("reach() follows imports, declarations and statements", () => {
  assertEquals(
    unreached({
      "a.ts": `import { b } from "./lib/b.ts"; b();`,
      "lib/b.ts":
        `export function b() { return c; } const c = 1; const d = c; type E = 0;
         class F {} new F(); export const { g, h } = { g: 1, h: 2 };`,
    }),
    ["lib/b.ts d", "lib/b.ts E", "lib/b.ts g", "lib/b.ts h"],
  );
});

Deno.test("reach() ignores member names", () => {
  assertEquals(
    unreached({
      "a.ts": `import { b } from "./b.ts"; b.x; ({ y: b });`,
      "b.ts": `export const b = { x: 1 }; export const x = 1; const y = 2;`,
    }),
    ["b.ts x", "b.ts y"],
  );
});

Deno.test("reach() follows renamed imports, reexports and namespaces", () => {
  assertEquals(
    unreached({
      "a.ts":
        `import { one as two, six } from "./index.ts"; import * as d from "./d.ts"; two; six; d;`,
      "index.ts":
        `export * from "./b.ts"; export { three } from "./c.ts"; export * from "./e.ts";`,
      "b.ts": `export const one = 1; export const rest = 2;`,
      "c.ts": `export const three = 3;`,
      "d.ts": `export const four = 4; const five = 5;`,
      "e.ts": `export const six = 6; export const seven = 7;`,
    }),
    ["b.ts rest", "c.ts three", "d.ts five", "e.ts seven"],
  );
});

Deno.test("reach() follows the names of a dynamic import, and all exports of a file named in a string", () => {
  assertEquals(
    unreached({
      "a.ts": `const { b } = await import("./b.ts"); new URL("c.ts", "x");
         const PROGRAM = "/mount/programs/d.ts"; PROGRAM;`,
      "b.ts": `export const b = 1; export const other = 2;`,
      "c.ts": `export const c = 1;`,
      "programs/d.ts": `export const d = 1;`,
      "e.ts": `export const e = 1;`,
    }),
    ["b.ts other", "e.ts"],
  );
});

Deno.test("unusedExports() finds values that only their own file uses, but not types", () => {
  assertEquals(
    unusedExports(parsed({
      "a.ts": `import { b } from "./b.ts"; b;`,
      "b.ts": `export const b = 1;\nexport const c = b;\nexport type D = 0;`,
    })),
    [{ path: "b.ts", name: "c", line: 2 }],
  );
});

Deno.test("unusedExports() follows `export * from`", () => {
  assertEquals(
    unusedExports(parsed({
      "a.ts": `import { b, own } from "./index.ts"; b; own;`,
      "index.ts":
        `export * from "./b.ts"; export * from "./c.ts"; export const own = 1;`,
      "b.ts": `export const b = 1; export const own = 2;`,
      "c.ts": `export const c = 1;`,
    })),
    [
      { path: "b.ts", name: "own", line: 1 },
      { path: "c.ts", name: "c", line: 1 },
    ],
  );
});
