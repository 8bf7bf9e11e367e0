/** How the scripts start the program: from source, or the executable that `IPOIB_BINARY` names. */

import { VARIABLES } from "../src/base/variables.ts";

/**
 * The fewest permissions that the program works with; `deno task ipoib` has the same. Paths of files and sockets come from the
 * user, `umask` has no name of its own among what `--allow-sys` takes, and FFI is all that the user may do anyway.
 * `--allow-run` is for `--background`: the process of an interface gives it back when it begins.
 */
export const PERMISSIONS = [
  "--allow-ffi",
  "--allow-read",
  "--allow-write",
  `--allow-env=${Object.keys(VARIABLES).join(",")}`,
  "--allow-run",
  "--allow-net",
  "--allow-sys",
] as const;

/** What the demo works with, which asks for more of the environment. */
export const DEMO_PERMISSIONS = PERMISSIONS.map((permission) =>
  permission.startsWith("--allow-env") ? "--allow-env" : permission
);

const TOP = new URL("../", import.meta.url).pathname;
const DAEMON = "src/daemon";

/** The command line, without arguments, that starts the program. */
export function programCommand(
  binary: string | undefined = Deno.env.get("IPOIB_BINARY"),
): [string, ...string[]] {
  return binary ? [binary] : sourceCommand(TOP);
}

/** The command line, without arguments, that starts the program from the source in a tree, given with its last `/`. */
export function sourceCommand(tree: string): [string, ...string[]] {
  const main = `${tree}main.ts`;
  return [Deno.execPath(), "run", "--quiet", ...PERMISSIONS, main];
}

/** The worker entries, from the top of the tree: they are started by URL, so a compiler must be told of them. */
export function workerEntries(): string[] {
  return [...Deno.readDirSync(`${TOP}${DAEMON}`)]
    .filter(({ name }) => name.endsWith("_worker.ts"))
    .map(({ name }) => `${DAEMON}/${name}`).sort();
}
