/** The short form of the slow suites, which runs with all others, and the full one, which `IPOIB_FULL=1` asks for. */

/** The full form was asked for. */
export const FULL = Deno.env.get("IPOIB_FULL") === "1";

/** Name and options of a test of the full form; in the short one it is ignored, and its name says why. */
export function fullForm(name: string): { name: string; ignore: boolean } {
  return {
    name: FULL ? name : `${name} (skipped: full form only, IPOIB_FULL=1)`,
    ignore: !FULL,
  };
}

/** Registers a test of the full form. */
export function fullTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ ...fullForm(name), fn });
}
