/** Whether a shared library is there. */

/** True if the library can be opened. */
export function libraryOpens(name: string): boolean {
  try {
    Deno.dlopen(name, {}).close();
    return true;
  } catch {
    return false;
  }
}
