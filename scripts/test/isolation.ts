/**
 * Runs a command in new PID and mount namespaces. When the command or the process that started it exits, the kernel
 * kills all processes of the command, including virtual machines, and removes its network namespaces and temporary
 * files. Needs root.
 *
 * The first process of the PID namespace is a shell, which reaps orphans. It prints the processes, network namespaces
 * and temporary files that the command left behind.
 */

import { cacheFolder } from "../rig/cache.ts";
import { succeeds } from "../succeeds.ts";

/**
 * Folders of every Debian system, on one of which the tmpfs for temporary files is mounted. The paths are short,
 * because socket paths are limited. /run and /tmp do not fit: guests mount their own /run, and a checkout may be in
 * /tmp.
 */
const MOUNT_POINTS = ["/mnt", "/media", "/srv"];
const TOP = new URL("../../", import.meta.url).pathname;
/** Time for terminated processes to exit. */
const GRACE_SECONDS = 5;
/** Prefix of the lines with which the shell reports leftovers. */
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

/** Returns the command line that runs `words` isolated. `slowness` scales the time for processes to exit. */
export function isolated(words: readonly string[], slowness = 1): string[] {
  return [
    ...withParentDeath([
      ...["unshare", "--pid", "--fork", "--kill-child=KILL"],
      ...["--mount", "--mount-proc"],
    ]),
    ...[
      "env",
      `TMPDIR=${temporaryFolder()}`,
      `GRACE=${Math.ceil(GRACE_SECONDS * slowness)}`,
    ],
    ...["bash", "-c", SHELL, "isolation", ...words],
  ];
}

/**
 * Returns the first of {@linkcode MOUNT_POINTS} that contains no file that a run needs, or undefined if there is none.
 */
function temporaryFolder(): string | undefined {
  const used = [
    TOP,
    resolved(cacheFolder()),
    Deno.execPath(),
    Deno.env.get("HOME") ?? "",
    Deno.env.get("DENO_DIR") ?? "",
  ];
  return MOUNT_POINTS.find((folder) =>
    used.every((path) => !path.startsWith(`${folder}/`))
  );
}

/** Returns the path without symbolic links, or unchanged if it does not exist. */
function resolved(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch {
    return path;
  }
}

/** Returns the command line that runs `words` and is killed when the starting process exits. */
export function withParentDeath(words: readonly string[]): string[] {
  return ["setpriv", "--pdeathsig", "KILL", ...words];
}

/** True if this process can create the namespaces and a mount point is free. */
export async function canIsolate(): Promise<boolean> {
  return Deno.uid() === 0 && temporaryFolder() !== undefined &&
    await succeeds(isolated(["true"]));
}
