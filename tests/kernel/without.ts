/** Scripts that run the program in a guest without a library, or without permission to open a file. */

const DENO = Deno.execPath();
const IPOIB =
  "run --quiet --no-check --cached-only --allow-all /project/main.ts";
const LIBRARIES = `/usr/lib/${Deno.build.arch}-linux-gnu`;

/** Returns a script that runs a command of ipoib with an empty file in place of a library. */
export function withoutLibrary(library: string, command: string): string {
  return `unshare -m bash -c '
    for f in ${LIBRARIES}/${library}.so.*; do mount --bind /dev/null $f; done
    exec "$0" ${IPOIB} ${command}' '${DENO}'`;
}

/**
 * Returns a script that runs a command of ipoib without permission to open a file: mode 000, and root without the
 * capabilities that override it.
 */
export function withoutPermission(file: string, command: string): string {
  const drop = "-dac_override,-dac_read_search";
  return `old=$(stat -c %a ${file}); chmod 000 ${file}
    setpriv --bounding-set=${drop} --inh-caps=${drop} '${DENO}' ${IPOIB} ${command}
    code=$?; chmod $old ${file}; exit $code`;
}
