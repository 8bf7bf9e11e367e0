/** The members that a schema requires, as paths such as `[].linkinfo.info_kind`. Alternatives (variants, unions) are not entered. */

interface Node {
  readonly type: string;
  readonly entries?: Readonly<Record<string, Node>>;
  readonly item?: Node;
  /** Returns the schema itself, if it is built later. */
  readonly getter?: () => Node;
}

/** Returns the sorted paths of the required members of a valibot schema. */
export function requiredMembers(schema: unknown): string[] {
  return [...walk(schema as Node, "")].sort();
}

function* walk(
  { entries, item, getter }: Node,
  path: string,
): Generator<string> {
  if (getter) yield* walk(getter(), path);
  if (item) yield* walk(item, `${path}[]`);
  for (const [name, entry] of Object.entries(entries ?? {})) {
    if (entry.type.includes("optional")) continue;
    const below = path === "" ? name : `${path}.${name}`;
    yield below;
    yield* walk(entry, below);
  }
}
