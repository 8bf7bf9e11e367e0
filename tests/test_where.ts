/** Tests that need something of the machine: root, a device, a program. */

/** A test that is skipped, with the reason in its name, if something is missing. */
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
