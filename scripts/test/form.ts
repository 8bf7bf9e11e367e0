/** Short and full form of the slow suites: the short form always runs, the full form with `IPOIB_FULL=1`. */

/** True if the full form runs. */
export const FULL = Deno.env.get("IPOIB_FULL") === "1";

/**
 * Returns name and options of a test of the full form. The short form ignores the test, with the reason in its name.
 */
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
