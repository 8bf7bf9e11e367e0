/** What processes leave in the file system, and which of them run. */

export function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/** True if the process is there. */
export function runs(pid: number): boolean {
  return exists(`/proc/${pid}`);
}

/** The processes that have `NAME=value` in their environment. */
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

/** The names of what is in a folder. */
export function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

/** The control sockets in a folder, without logs; none if there is no such folder. */
export function socketsIn(folder: string): string[] {
  if (!exists(folder)) return [];
  return namesIn(folder).filter((name) => name.endsWith(".sock"));
}
