/** What the demo may do here: as root all; as a normal user in a user namespace, where the system allows it. */

import { succeeds } from "../succeeds.ts";
import { cString, errno, libc } from "../../ffi/libc.ts";
import { Errno, errnoText } from "../../src/base/errno.ts";
import { Fd } from "../../src/system/fd.ts";

const TAP = "/dev/net/tun";
const O_RDWR_CLOEXEC = 2 | 0x80000;
const UNSHARE = ["--user", "--map-root-user", "--net"];

/** One sentence that says why no TAP can be made here, or undefined. */
export function tunObstacle(): string | undefined {
  const fd = new Fd(libc().open(cString(TAP), O_RDWR_CLOEXEC, 0));
  if (fd.number >= 0) {
    fd.close();
    return undefined;
  }
  const why = errno();
  if (why === Errno.ENOENT) {
    return `The demo needs ${TAP}, which this system does not have: load the kernel module tun`;
  }
  if (why === Errno.EACCES) {
    return `The demo needs root here, because ${TAP} is closed to other users`;
  }
  return `The demo needs ${TAP}, which cannot be opened: ${errnoText(why)}`;
}

/** True if this system lets the caller make user and network namespaces. */
export function canUnshare(): Promise<boolean> {
  return succeeds(["unshare", ...UNSHARE, "true"]);
}

/** Runs a command as root of a new user namespace and returns its exit code; signals that come here go there. */
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
        // It has ended already.
      }
    });
  }
  return (await child.status).code;
}
