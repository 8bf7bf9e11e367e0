/** Files of processes, and processes by PID and environment. */

import { exists } from "../../../src/ipc/runtime_directory.ts";

export { exists };

/** True if the process exists, also as a zombie. */
export function runs(pid: number): boolean {
  return exists(`/proc/${pid}`);
}

/** Returns the PIDs of the processes that have `NAME=value` in their environment. */
export function processesWith(name: string, value: string): number[] {
  return [...Deno.readDirSync("/proc")].map((entry) => Number(entry.name))
    .filter((pid) => {
      try {
        return Deno.readTextFileSync(`/proc/${pid}/environ`).split("\0")
          .includes(`${name}=${value}`);
      } catch {
        return false;
      }
    });
}

/** Returns the sorted names of the entries of a directory. */
export function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

/** Returns the sorted names of the control sockets in a directory, or none if the directory does not exist. */
export function socketsIn(folder: string): string[] {
  if (!exists(folder)) return [];
  return namesIn(folder).filter((name) => name.endsWith(".sock"));
}
