/** Privileges of the demo: it runs as root, or in a user namespace if the system allows other users to create one. */

import { succeeds } from "../succeeds.ts";
import { cString, errno, libc } from "../../ffi/libc.ts";
import { Errno, errnoText } from "../../src/base/errno.ts";
import { Fd } from "../../src/system/fd.ts";

const TAP = "/dev/net/tun";
const O_RDWR_CLOEXEC = 2 | 0x80000;
const UNSHARE = ["--user", "--map-root-user", "--net"];

/** Returns the reason why the system can create no TAP device, as a sentence; undefined if it can. */
export function tunObstacle(): string | undefined {
  const fd = new Fd(libc().open(cString(TAP), O_RDWR_CLOEXEC, 0));
  if (fd.number >= 0) {
    fd.close();
    return undefined;
  }
  const why = errno();
  if (why === Errno.ENOENT) {
    return `The demo needs ${TAP}, which does not exist: load the kernel module tun`;
  }
  if (why === Errno.EACCES) {
    return `The demo needs root, because other users may not open ${TAP}`;
  }
  return `The demo cannot open ${TAP}: ${errnoText(why)}`;
}

/** True if the caller may create user and network namespaces. */
export function canUnshare(): Promise<boolean> {
  return succeeds(["unshare", ...UNSHARE, "true"]);
}

/** Runs a command as root of a new user namespace, forwards signals to it, and returns its exit code. */
export async function runUnshared(
  command: readonly string[],
  env: Record<string, string>,
): Promise<number> {
  const child = new Deno.Command("unshare", {
    args: [...UNSHARE, ...command],
    env,
  }).spawn();
  for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      try {
        child.kill(signal);
      } catch {
        // It has already exited.
      }
    });
  }
  return (await child.status).code;
}
