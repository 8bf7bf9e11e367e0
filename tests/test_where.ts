/** Tests that need a property of the host: root, a device, a program. */

import {
  isInstalled,
  packagesOf,
  type Tool,
} from "../scripts/test/packages.ts";

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

/** Returns the reason why a test that runs `tools` is skipped; undefined if all are installed. */
export function missingTools(...tools: readonly Tool[]): string | undefined {
  const missing = tools.filter((tool) => !isInstalled(tool));
  return missing.length === 0
    ? undefined
    : `needs ${missing.join(", ")} (Debian packages: ${
      packagesOf(missing).join(" ")
    })`;
}
