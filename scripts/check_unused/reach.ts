/** Finds the declarations that the entry points reach. */

import type { Declaration, Source, Target } from "./source.ts";

/** The reached declarations and the paths of the reached files. */
export interface Reached {
  readonly declarations: ReadonlySet<Declaration>;
  readonly files: ReadonlySet<string>;
}

/**
 * Returns the declarations and files that are reached from the entry points by following names. All declarations of the
 * entry points count as reached. Scopes are ignored: a name that refers to a local variable also reaches a declaration
 * of this name, so that used code is never reported.
 */
export function reach(
  sources: ReadonlyMap<string, Source>,
  entries: readonly string[],
): Reached {
  const declarations = new Set<Declaration>();
  const files = new Set<string>();
  const waiting: (() => void)[] = [];

  const visitFile = (path: string): void => {
    const source = sources.get(path);
    if (!source || files.has(path)) return;
    files.add(path);
    waiting.push(() => {
      source.names.forEach((name) => visitName(source, name));
      source.files.forEach(visitFile);
      source.lazy.forEach(({ file, name }) => visitExport(file, name));
    });
  };
  const visitName = (source: Source, name: string): void => {
    for (const declaration of source.declarations) {
      if (declaration.name !== name || declarations.has(declaration)) continue;
      declarations.add(declaration);
      waiting.push(() =>
        declaration.names.forEach((each) => visitName(source, each))
      );
    }
    const target = source.imports.get(name);
    if (target) waiting.push(() => void visitExport(target.file, target.name));
  };
  const visitExport = (path: string, name: string): boolean => {
    const source = sources.get(path);
    if (!source) return false;
    visitFile(path);
    if (name === "*") {
      [...source.exports.keys(), ...source.reexports.keys()]
        .forEach((each) => visitExport(path, each));
      source.wildcards.forEach((each) => visitExport(each, "*"));
      return true;
    }
    const local = source.exports.get(name);
    const target = source.reexports.get(name);
    if (local !== undefined) visitName(source, local);
    else if (target) return visitExport(target.file, target.name);
    else return [...source.wildcards].some((each) => visitExport(each, name));
    return true;
  };

  for (const entry of entries) {
    visitFile(entry);
    const source = sources.get(entry)!;
    source.declarations.forEach(({ name }) => visitName(source, name));
  }
  for (let next = waiting.pop(); next; next = waiting.pop()) next();
  return { declarations, files };
}

/** Returns the exported values that no other file imports. */
export function unusedExports(
  sources: ReadonlyMap<string, Source>,
): { path: string; name: string; line: number }[] {
  const taken = new Set<string>();
  const take = ({ file, name }: Target) => {
    taken.add(`${file} ${name}`);
    // A name that the file does not export itself comes from one of its `export * from` files.
    const source = sources.get(file);
    if (source?.exports.has(name) || source?.reexports.has(name)) return;
    source?.wildcards.forEach((each) => take({ file: each, name }));
  };
  for (const { imports, reexports, lazy } of sources.values()) {
    [...imports.values(), ...reexports.values(), ...lazy].forEach(take);
  }
  return [...sources.values()].flatMap(({ path, exports, declarations }) =>
    taken.has(`${path} *`)
      ? []
      : declarations.filter(({ name, isType }) =>
        !isType && exports.get(name) === name && !taken.has(`${path} ${name}`)
      ).map(({ name, line }) => ({ path, name, line }))
  );
}
