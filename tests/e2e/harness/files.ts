/** What processes leave in the file system. */

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

/** The control sockets in a folder, without logs. */
export function socketsIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name)
    .filter((name) => name.endsWith(".sock")).sort();
}
