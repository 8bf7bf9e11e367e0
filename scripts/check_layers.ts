/**
 * Checks the module layers: fails on an import that the rules in `check_layers/rules.ts` do not allow, on a cycle of
 * modules, and on source text that a module must not contain (`check_layers/text.ts`).
 *
 * The import graph comes from `deno info --json`. Its roots are `main.ts`, the worker entries
 * (`src/daemon/*_worker.ts`), because `new Worker(...)` is not an import, and every file that these do not reach.
 *
 * Run by `deno task ok`. Needs --allow-read and --allow-run.
 */

import { edgesOf, findCycle, type Info } from "./check_layers/graph.ts";
import { type Edge, violation } from "./check_layers/rules.ts";
import { textViolations } from "./check_layers/text.ts";

const top = new URL("../", import.meta.url);

function* sources(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(new URL(folder, top))) {
    const path = `${folder}${entry.name}`;
    if (entry.isDirectory) yield* sources(`${path}/`);
    else if (path.endsWith(".ts") && !path.endsWith(".d.ts")) yield path;
  }
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(new URL(path, top)).isFile;
  } catch {
    return false;
  }
}

async function info(path: string): Promise<Info> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", path],
    cwd: top,
  }).output();
  if (code !== 0) {
    throw new Error(
      `Cannot read the imports of ${path}: ${new TextDecoder().decode(stderr)}`,
    );
  }
  return JSON.parse(new TextDecoder().decode(stdout));
}

const files = [...sources("ffi/"), ...sources("src/")].sort();
const roots = [
  ...(exists("main.ts") ? ["main.ts"] : []),
  ...files.filter((path) => /^src\/daemon\/.*_worker\.ts$/.test(path)),
];
const seen = new Set<string>();
const edges = new Map<string, Edge>();
const problems = new Set<string>();
for (const root of [...roots, ...files]) {
  if (seen.has(root)) continue;
  const found = edgesOf(await info(root), top.href);
  found.files.forEach((file) => seen.add(file));
  found.errors.forEach((error) => problems.add(error));
  for (const edge of found.edges) {
    edges.set(`${edge.from} ${edge.to} ${edge.lazy}`, edge);
  }
}
for (const edge of edges.values()) {
  const rule = violation(edge);
  if (rule) problems.add(`${edge.from} imports ${edge.to}: ${rule}`);
}
const cycle = findCycle([...edges.values()]);
if (cycle) problems.add(`Cycle of modules: ${cycle.join(" -> ")}`);
for (const file of [...roots.filter((root) => root === "main.ts"), ...files]) {
  const source = Deno.readTextFileSync(new URL(file, top));
  textViolations(file, source).forEach((problem) => problems.add(problem));
}

const encoder = new TextEncoder();
const report = [...problems].map((problem) => `${problem}\n`).join("") +
  (problems.size > 0
    ? `Layers: ${problems.size} violations\n`
    : `Layers: ${files.length} files, ${edges.size} imports, no violations\n`);
Deno.stdout.writeSync(encoder.encode(report));
Deno.exit(problems.size > 0 ? 1 : 0);
