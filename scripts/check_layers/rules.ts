/**
 * Who may lean on whom: the directions of the rooms, as a table.
 *
 * `base <- {wire, system} <- {hca, netdev, sa, subnet} <- ipoib <- daemon`; ipc and cli stand beside. The two
 * backends of the HCA are rooms of their own, so that the rooms above see the edge (`src/hca/*.ts`) alone.
 */

/** The rooms from which an import is checked, each with the rooms that it may import. */
export const MAY_IMPORT = {
  ffi: [],
  base: [],
  wire: ["base"],
  system: ["base", "ffi"],
  hca: ["base", "wire", "system"],
  "hca/verbs": ["base", "wire", "system", "ffi", "hca"],
  "hca/soft": ["base", "wire", "system", "ffi", "hca", "subnet"],
  netdev: ["base", "wire", "system", "ffi"],
  sa: ["base", "wire", "hca"],
  subnet: ["base", "wire"],
  ipoib: ["base", "wire", "system", "hca", "netdev", "sa"],
  ipc: ["base"],
  daemon: [
    "base",
    "wire",
    "system",
    "hca",
    "hca/verbs",
    "hca/soft",
    "netdev",
    "sa",
    "subnet",
    "ipoib",
    "ipc",
  ],
  cli: ["base", "ipc"],
  main: ["base", "cli"],
} as const satisfies Record<string, readonly string[]>;

/** Part of the tree with its own directions. */
export type Room = keyof typeof MAY_IMPORT;

/** Imports that are allowed only if they are lazy: `await import(...)`. */
export const MAY_IMPORT_LAZILY: Partial<Record<Room, readonly Room[]>> = {
  cli: ["daemon", "system"],
};

/** What every room may read beside code: the version is written down there. */
const CONFIGURATION = "deno.json";

/** Rooms without input and output: their files never name the `Deno` object. */
export const PURE: readonly Room[] = ["wire", "subnet", "sa"];

/** The one room that opens libraries. */
export const OPENS_LIBRARIES: Room = "ffi";

/** An import between two files, named by their paths from the top of the tree. */
export interface Edge {
  readonly from: string;
  readonly to: string;
  readonly lazy: boolean;
}

/** The room of a file, or undefined for a file that belongs to none (tests, scripts, npm packages). */
export function roomOf(path: string): Room | undefined {
  if (path === "main.ts") return "main";
  if (path.startsWith("ffi/")) return "ffi";
  const parts = path.split("/");
  if (parts[0] !== "src" || parts.length < 3) return undefined;
  const [, first, second] = parts;
  const inner = `${first}/${second}`;
  if (parts.length > 3 && inner in MAY_IMPORT) return inner as Room;
  return first! in MAY_IMPORT ? first as Room : undefined;
}

/** Why an edge is not allowed, or undefined if it is. */
export function violation(edge: Edge): string | undefined {
  const from = roomOf(edge.from);
  if (from === undefined) {
    return /^(src|ffi)\//.test(edge.from)
      ? "the file lies in no room of the table"
      : undefined;
  }
  if (edge.to === CONFIGURATION) return undefined;
  const to = roomOf(edge.to);
  if (to === undefined) return "the program imports only its own rooms";
  if (to === from) return undefined;
  const allowed: readonly Room[] = MAY_IMPORT[from];
  if (allowed.includes(to)) return undefined;
  const lazily = MAY_IMPORT_LAZILY[from] ?? [];
  if (lazily.includes(to)) {
    return edge.lazy ? undefined : `${from} may import ${to} only lazily`;
  }
  const choice = allowed.length === 0
    ? "no room"
    : [...allowed, ...lazily].join(", ");
  return `${from} may import ${choice}; not ${to}`;
}
