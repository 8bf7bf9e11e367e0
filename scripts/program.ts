/** How the scripts start the program: from source, or the executable that `IPOIB_BINARY` names. */

/** The fewest permissions that the program works with; `deno task ipoib` has the same. */
export const PERMISSIONS = [
  "--allow-ffi",
  "--allow-read",
  "--allow-write",
  "--allow-env",
  "--allow-run",
  "--allow-net",
  "--allow-sys",
] as const;

const MAIN = new URL("../main.ts", import.meta.url);

/** The command line, without arguments, that starts the program. */
export function programCommand(
  binary: string | undefined = Deno.env.get("IPOIB_BINARY"),
): [string, ...string[]] {
  if (binary) return [binary];
  return [
    Deno.execPath(),
    "run",
    "--quiet",
    ...PERMISSIONS,
    MAIN.pathname,
  ];
}
