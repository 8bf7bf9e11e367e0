/** libibverbs: so far only whether it is there. */

const LIBRARY = "libibverbs.so.1";

/** True if the library can be opened. */
export function libraryExists(): boolean {
  try {
    Deno.dlopen(LIBRARY, {}).close();
    return true;
  } catch {
    return false;
  }
}
