/** Descriptors that the service manager passes to a process (sd_listen_fds(3)). */

import { variable } from "../base/variables.ts";
import { Fd, setInheritable } from "./fd.ts";

/** SD_LISTEN_FDS_START. */
const FIRST = 3;
/** Bound of the number of descriptors. */
const MAX = 4096;

/**
 * Returns the descriptors that were passed to this process by their names, and unsets the variables. Empty if they were
 * passed to another process. Of several descriptors with the same name the last is returned, the others are closed.
 */
export function takeListenFds(): Map<string, Fd> {
  const taken = new Map<string, Fd>();
  const [pid, fds, names] = [
    variable("LISTEN_PID"),
    variable("LISTEN_FDS"),
    variable("LISTEN_FDNAMES"),
  ];
  if (pid === undefined || fds === undefined) return taken;
  for (const name of ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]) {
    Deno.env.delete(name);
  }
  const count = Number(fds);
  const valid = Number(pid) === Deno.pid && Number.isInteger(count) &&
    count >= 0 && count <= MAX;
  if (!valid) return taken;
  const list = names?.split(":") ?? [];
  for (let i = 0; i < count; i++) {
    const fd = new Fd(FIRST + i);
    setInheritable(fd.number, false);
    const name = list[i] ?? "";
    taken.get(name)?.close();
    taken.set(name, fd);
  }
  return taken;
}
