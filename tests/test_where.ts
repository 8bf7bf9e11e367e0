/** Tests that need a property of the host: root, a device, a program. */

/** Registers a test. If `missing` is given, the test is skipped, and its name contains `missing` as the reason. */
export function testWhere(
  missing: string | undefined,
  name: string,
  fn: () => void | Promise<void>,
): void {
  Deno.test({
    name: missing === undefined ? name : `${name} (skipped: ${missing})`,
    ignore: missing !== undefined,
    fn,
  });
}
