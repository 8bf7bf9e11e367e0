/** The import graph reported by `deno info --json`, and cycles in it. */

import { type Edge, moduleOf } from "./rules.ts";

interface Resolved {
  specifier?: string;
}

/** The used part of the output of `deno info --json`. */
export interface Info {
  modules: {
    specifier: string;
    error?: string;
    dependencies?: {
      specifier: string;
      code?: Resolved;
      type?: Resolved;
      isDynamic?: boolean;
    }[];
  }[];
}

/**
 * Returns the imports between files below `root`, a file URL that ends with a slash, the files themselves, and load
 * errors.
 */
export function edgesOf(
  info: Info,
  root: string,
): { edges: Edge[]; files: string[]; errors: string[] } {
  const edges: Edge[] = [];
  const files: string[] = [];
  const errors: string[] = [];
  for (const { specifier, error, dependencies = [] } of info.modules) {
    if (!specifier.startsWith(root)) continue;
    const from = specifier.slice(root.length);
    files.push(from);
    if (error) errors.push(`${from}: ${error}`);
    for (const dependency of dependencies) {
      const target = dependency.code?.specifier ?? dependency.type?.specifier;
      if (!target?.startsWith(root)) continue;
      const to = target.slice(root.length);
      // `deno info` reports the files of compilerOptions.types as imports of every file.
      if (to.endsWith(".d.ts")) continue;
      edges.push({ from, to, lazy: dependency.isDynamic === true });
    }
  }
  return { edges, files, errors };
}

/**
 * Returns a cycle of modules in the non-lazy imports, as a list that starts and ends with the same module, or undefined
 * if there is none.
 */
export function findCycle(edges: readonly Edge[]): string[] | undefined {
  const next = new Map<string, Set<string>>();
  for (const { from, to, lazy } of edges) {
    const a = moduleOf(from);
    const b = moduleOf(to);
    if (lazy || !a || !b || a === b) continue;
    next.set(a, (next.get(a) ?? new Set()).add(b));
  }
  const done = new Set<string>();
  const path: string[] = [];
  const walk = (module: string): string[] | undefined => {
    const at = path.indexOf(module);
    if (at >= 0) return [...path.slice(at), module];
    if (done.has(module)) return undefined;
    path.push(module);
    for (const other of next.get(module) ?? []) {
      const found = walk(other);
      if (found) return found;
    }
    path.pop();
    done.add(module);
    return undefined;
  };
  for (const module of next.keys()) {
    const found = walk(module);
    if (found) return found;
  }
  return undefined;
}
