/**
 * Checks for unused code: fails on a top-level declaration or file that no entry point reaches, and on a value that is
 * exported but used only in its own file.
 *
 * - `main.ts`, `src` and `ffi`: the entry points are `main.ts` and the workers. Fakes, which are for tests, may also be
 *   reached from the tests.
 * - `scripts` and `tests`: the entry points are also the tests, the scripts named in `deno.json`, and `scripts/ci.ts`.
 *
 * Members of classes and objects are not checked. Run by `deno task ok`. Needs --allow-read and --allow-env.
 */

import { reach, unusedExports } from "./check_unused/reach.ts";
import { parseSource, type Source } from "./check_unused/source.ts";

const top = new URL("../", import.meta.url);

function* filesBelow(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(new URL(folder, top))) {
    const path = `${folder}${entry.name}`;
    if (entry.isDirectory) yield* filesBelow(`${path}/`);
    else if (/(?<!\.d)\.ts$/.test(path)) yield path;
  }
}

const FOLDERS = ["ffi/", "src/", "scripts/", "tests/"];
const paths = ["main.ts", ...FOLDERS.flatMap((each) => [...filesBelow(each)])]
  .sort();
const known = new Set(paths);
const sources = new Map<string, Source>(
  paths.map((path) => [
    path,
    parseSource(
      path,
      Deno.readTextFileSync(new URL(path, top)),
      (path) => known.has(path),
    ),
  ]),
);

const configuration = Deno.readTextFileSync(new URL("deno.json", top));
const productEntries = paths.filter((path) =>
  path === "main.ts" || /^src\/daemon\/\w+_worker\.ts$/.test(path)
);
const otherEntries = paths.filter((path) =>
  path.endsWith("_test.ts") || path === "scripts/ci.ts" ||
  path.startsWith("scripts/") && configuration.includes(path)
);
const product = reach(sources, productEntries);
const all = reach(sources, [...productEntries, ...otherEntries]);

const problems: string[] = [];
for (const { path, declarations } of sources.values()) {
  const isProduct = /^(main\.ts|src\/|ffi\/)/.test(path);
  const isFake = /\/fake[^/]*$/.test(path);
  const { files, declarations: reached } = isProduct && !isFake ? product : all;
  if (!files.has(path)) {
    problems.push(`${path}: no entry point reaches this file`);
    continue;
  }
  for (const declaration of declarations) {
    if (reached.has(declaration) || /^Fake/.test(declaration.name)) continue;
    problems.push(
      `${path}:${declaration.line}: no entry point reaches ${declaration.name}`,
    );
  }
}
for (const { path, line, name } of unusedExports(sources)) {
  problems.push(`${path}:${line}: ${name} is exported but used only here`);
}

const report = problems.length > 0
  ? `${problems.join("\n")}\nUnused: ${problems.length} problems\n`
  : `Unused: ${paths.length} files, no problems\n`;
Deno.stdout.writeSync(new TextEncoder().encode(report));
Deno.exit(problems.length > 0 ? 1 : 0);
