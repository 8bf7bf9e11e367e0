/** Command lines with which the scripts start the program: from source, or the executable in `IPOIB_BINARY`. */

import { CNI_VARIABLES, VARIABLES } from "../src/base/variables.ts";

/**
 * The minimum permissions of the program; `deno task ipoib` has the same. The user chooses the paths of files and
 * sockets, `--allow-sys` has no name for `umask`, and FFI permits everything that the user may do. `--background` needs
 * `--allow-run`; the process of an interface revokes it at the start.
 */
export const PERMISSIONS = [
  "--allow-ffi",
  "--allow-read",
  "--allow-write",
  `--allow-env=${[...Object.keys(VARIABLES), ...CNI_VARIABLES].join(",")}`,
  "--allow-run",
  "--allow-net",
  "--allow-sys",
] as const;

/**
 * Options of V8. Its young generation grows with the rate of allocations, up to 16 MB a thread, and is not returned;
 * with semi-spaces of at most 1 MB the memory of a process does not depend on past load. The manager worker calls gc()
 * (src/system/unused_memory.ts).
 */
export const RUNTIME_OPTIONS = [
  "--v8-flags=--max-semi-space-size=1,--expose-gc",
] as const;

/** Permissions of the demo, which reads more of the environment. */
export const DEMO_PERMISSIONS = PERMISSIONS.map((permission) =>
  permission.startsWith("--allow-env") ? "--allow-env" : permission
);

const TOP = new URL("../", import.meta.url).pathname;
const DAEMON = "src/daemon";

/** Returns the command line that starts the program, without its arguments. */
export function programCommand(
  binary: string | undefined = Deno.env.get("IPOIB_BINARY"),
): [string, ...string[]] {
  return binary ? [binary] : sourceCommand(TOP);
}

/** Returns the command line that starts the program from the source in `tree`, whose path ends in `/`. */
export function sourceCommand(tree: string): [string, ...string[]] {
  const main = `${tree}main.ts`;
  return [
    Deno.execPath(),
    "run",
    "--quiet",
    ...RUNTIME_OPTIONS,
    ...PERMISSIONS,
    main,
  ];
}

/** Returns the paths of the worker entries in the tree. Workers start by URL, so the compiler needs the list. */
export function workerEntries(): string[] {
  return [...Deno.readDirSync(`${TOP}${DAEMON}`)]
    .filter(({ name }) => name.endsWith("_worker.ts"))
    .map(({ name }) => `${DAEMON}/${name}`).sort();
}
