/**
 * The layers: the modules that each module may import.
 *
 * `base <- {wire, system} <- {hca, netdev, sa, cm, subnet} <- ipoib <- daemon`. ipc, doctor, cli and capture are not part of
 * this order. The two backends of the HCA are separate modules, so that higher modules import only the interface
 * (`src/hca/*.ts`).
 */

/** The modules that each module may import. */
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
  cm: ["base", "wire", "system", "hca"],
  subnet: ["base", "wire"],
  ipoib: ["base", "wire", "system", "hca", "netdev", "sa", "cm"],
  capture: ["base", "wire", "system", "ffi", "ipc"],
  ipc: ["base"],
  doctor: ["base", "ipc"],
  "doctor/gather": [
    "base",
    "wire",
    "system",
    "ffi",
    "hca/verbs",
    "netdev",
    "ipc",
    "doctor",
  ],
  daemon: [
    "base",
    "wire",
    "system",
    "hca",
    "hca/verbs",
    "hca/soft",
    "netdev",
    "sa",
    "cm",
    "subnet",
    "ipoib",
    "capture",
    "ipc",
  ],
  cli: ["base", "ipc", "doctor"],
  main: ["base", "cli"],
} as const satisfies Record<string, readonly string[]>;

/** A module: a part of the source tree with its own rules. */
export type Module = keyof typeof MAY_IMPORT;

/** The modules that a module may import only lazily, by `await import(...)`. */
export const MAY_IMPORT_LAZILY: Partial<Record<Module, readonly Module[]>> = {
  cli: ["daemon", "system", "doctor/gather", "capture"],
};

/** Every module may import this file, which contains the version. */
const CONFIGURATION = "deno.json";

/** Modules without input and output. Their files must not use the `Deno` object. */
export const PURE: readonly Module[] = ["wire", "subnet", "sa", "cm"];

/** The only module that may open libraries. */
export const OPENS_LIBRARIES: Module = "ffi";

/** An import between two files, given by their paths relative to the top of the tree. */
export interface Edge {
  readonly from: string;
  readonly to: string;
  readonly lazy: boolean;
}

/** Returns the module of a file, or undefined if it belongs to none (tests, scripts, npm packages). */
export function moduleOf(path: string): Module | undefined {
  if (path === "main.ts") return "main";
  if (path.startsWith("ffi/")) return "ffi";
  const parts = path.split("/");
  if (parts[0] !== "src" || parts.length < 3) return undefined;
  const [, first, second] = parts;
  const inner = `${first}/${second}`;
  if (parts.length > 3 && inner in MAY_IMPORT) return inner as Module;
  return first! in MAY_IMPORT ? first as Module : undefined;
}

/** Returns the rule that an import violates, or undefined if it is allowed. */
export function violation(edge: Edge): string | undefined {
  const from = moduleOf(edge.from);
  if (from === undefined) {
    return /^(src|ffi)\//.test(edge.from)
      ? "the file belongs to no module of the table"
      : undefined;
  }
  if (edge.to === CONFIGURATION) return undefined;
  const to = moduleOf(edge.to);
  if (to === undefined) return "the program may import only its own modules";
  if (to === from) return undefined;
  const allowed: readonly Module[] = MAY_IMPORT[from];
  if (allowed.includes(to)) return undefined;
  const lazily = MAY_IMPORT_LAZILY[from] ?? [];
  if (lazily.includes(to)) {
    return edge.lazy ? undefined : `${from} may import ${to} only lazily`;
  }
  const choice = allowed.length === 0
    ? "no module"
    : [...allowed, ...lazily].join(", ");
  return `${from} may import ${choice}; not ${to}`;
}
