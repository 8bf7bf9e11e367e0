/**
 * A command in PID and mount namespaces of its own: when it ends, or the process that started it does, however that
 * happens, the kernel ends every process below it, virtual machines included, and drops the network namespaces and the
 * temporary files that they made. Needs root.
 *
 * The first process of the PID namespace is a shell, because orphans become its children and it reaps them. It names
 * what the command left behind: processes, network namespaces, temporary files.
 */

import { cacheFolder } from "../rig/cache.ts";
import { succeeds } from "../succeeds.ts";

/**
 * Folders of every Debian system, one of which is covered by the tmpfs for temporary files. Short, because paths of sockets are
 * limited; and not /run or /tmp: the guests have a /run of their own, and a checkout may lie in /tmp.
 */
const COVERED = ["/mnt", "/media", "/srv"];
const TOP = new URL("../../", import.meta.url).pathname;
/** Processes that were told to end may take so long. */
const GRACE_SECONDS = 5;
/** What the shell prints before the name of a thing that was left behind. */
export const LEFT_BEHIND = "left behind: ";

const SHELL = `
set -u
mkdir -p /run/netns && mount -t tmpfs -o mode=755 none /run/netns &&
mount -t tmpfs -o mode=1777 none "$TMPDIR" || exit 125
"$@" &
wait $!
code=$?
shopt -s nullglob dotglob
left() {
  found=()
  for process in /proc/[0-9]*; do
    [ "$process" != /proc/1 ] || continue
    words=()
    { mapfile -d '' -t words < "$process/cmdline"; } 2>/dev/null
    [ \${#words[@]} = 0 ] || found+=("process \${words[*]}")
  done
  for name in /run/netns/*; do found+=("network namespace \${name##*/}"); done
  for name in "$TMPDIR"/*; do found+=("file \${name##*/}"); done
}
for ((i = 0; i < GRACE * 10; i++)); do
  left
  [ \${#found[@]} != 0 ] || break
  sleep 0.1
done
for each in "\${found[@]}"; do echo "${LEFT_BEHIND}$each"; done
exit $code
`;

/** The command line that runs `words` isolated, on a machine so many times slower than usual. */
export function isolated(words: readonly string[], slowness = 1): string[] {
  return [
    ...withParentDeath([
      ...["unshare", "--pid", "--fork", "--kill-child=KILL"],
      ...["--mount", "--mount-proc"],
    ]),
    ...[
      "env",
      `TMPDIR=${covered()}`,
      `GRACE=${Math.ceil(GRACE_SECONDS * slowness)}`,
    ],
    ...["bash", "-c", SHELL, "isolation", ...words],
  ];
}

/** The first of {@linkcode COVERED} that nothing lies in that a run needs; undefined if there is none. */
function covered(): string | undefined {
  const used = [
    TOP,
    resolved(cacheFolder()),
    Deno.execPath(),
    Deno.env.get("HOME") ?? "",
    Deno.env.get("DENO_DIR") ?? "",
  ];
  return COVERED.find((folder) =>
    used.every((path) => !path.startsWith(`${folder}/`))
  );
}

/** Without symbolic links, if it exists. */
function resolved(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch {
    return path;
  }
}

/** The command line that runs `words` and is killed when the process that starts it ends. */
export function withParentDeath(words: readonly string[]): string[] {
  return ["setpriv", "--pdeathsig", "KILL", ...words];
}

/** True if this process may make such namespaces. */
export async function canIsolate(): Promise<boolean> {
  return Deno.uid() === 0 && covered() !== undefined &&
    await succeeds(isolated(["true"]));
}
