/** The import graph as `deno info --json` reports it, and circles in it. */

import { type Edge, roomOf } from "./rules.ts";

interface Resolved {
  specifier?: string;
}

/** The part of the output of `deno info --json` that is read here. */
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

/** The edges between files below `root` (a file URL that ends with a slash), and the files seen. */
export function edgesOf(
  info: Info,
  root: string,
): { edges: Edge[]; files: string[]; errors: string[] } {
  const edges: Edge[] = [];
  const files: string[] = [];
  const errors: string[] = [];
  for (const module of info.modules) {
    if (!module.specifier.startsWith(root)) continue;
    const from = module.specifier.slice(root.length);
    files.push(from);
    if (module.error) errors.push(`${from}: ${module.error}`);
    for (const dependency of module.dependencies ?? []) {
      const target = dependency.code?.specifier ?? dependency.type?.specifier;
      if (!target?.startsWith(root)) continue;
      const to = target.slice(root.length);
      // The declarations that compilerOptions.types names appear as an import of every file.
      if (to.endsWith(".d.ts")) continue;
      edges.push({ from, to, lazy: dependency.isDynamic === true });
    }
  }
  return { edges, files, errors };
}

/** The first circle of rooms that the (not lazy) edges make, as a list that begins and ends with one room. */
export function circle(edges: readonly Edge[]): string[] | undefined {
  const next = new Map<string, Set<string>>();
  for (const { from, to, lazy } of edges) {
    const a = roomOf(from);
    const b = roomOf(to);
    if (lazy || !a || !b || a === b) continue;
    next.set(a, (next.get(a) ?? new Set()).add(b));
  }
  const done = new Set<string>();
  const path: string[] = [];
  const walk = (room: string): string[] | undefined => {
    const at = path.indexOf(room);
    if (at >= 0) return [...path.slice(at), room];
    if (done.has(room)) return undefined;
    path.push(room);
    for (const other of next.get(room) ?? []) {
      const found = walk(other);
      if (found) return found;
    }
    path.pop();
    done.add(room);
    return undefined;
  };
  for (const room of next.keys()) {
    const found = walk(room);
    if (found) return found;
  }
  return undefined;
}
