/**
 * Checks the directions between the rooms: fails on an import that runs against them.
 *
 * Reads the import graph from `deno info --json`, with the worker entries (`src/daemon/*_worker.ts`) as further roots,
 * because `new Worker(...)` makes no edge there, and then every file that no root reaches.
 *
 * Run by `deno task ok`; needs --allow-read and --allow-run.
 */

import { circle, edgesOf, type Info } from "./check_layers/graph.ts";
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
const rooms = circle([...edges.values()]);
if (rooms) problems.add(`Circle of rooms: ${rooms.join(" -> ")}`);
for (const file of [...roots.filter((root) => root === "main.ts"), ...files]) {
  const source = Deno.readTextFileSync(new URL(file, top));
  textViolations(file, source).forEach((problem) => problems.add(problem));
}

const encoder = new TextEncoder();
const report = [...problems].map((problem) => `${problem}\n`).join("") +
  (problems.size > 0
    ? `${problems.size} against the directions of the rooms\n`
    : `Layers: ${files.length} files, ${edges.size} imports, all in order\n`);
Deno.stdout.writeSync(encoder.encode(report));
Deno.exit(problems.size > 0 ? 1 : 0);
