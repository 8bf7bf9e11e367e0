/** Tests of other suites that need only an InfiniBand port, run in a guest. */

import { assertEquals } from "@std/assert";
import { SLOWNESS } from "../../../scripts/machine.ts";
import type { Fabric } from "../../../scripts/rig/fabric.ts";
import { fullTest } from "../../../scripts/test/form.ts";
import { outcomeOf } from "../../../scripts/test/outcome.ts";

const TESTS = [
  "tests/hca/verbs/port_device_test.ts",
  "tests/hca/verbs/connection_device_test.ts",
];

export function device(fabric: Fabric): void {
  for (const tests of TESTS) {
    fullTest(`${tests} passes on a host with an InfiniBand port`, async () => {
      const { c } = fabric;
      const { code, output } = await c.run(
        `cd /project && ${SLOWNESS}=${c.slowness} deno test --no-check --cached-only --allow-all ${tests}`,
        180,
      );
      const { passed, failed, ignored } = outcomeOf(output, code === 0);
      assertEquals({ failed, ignored }, { failed: 0, ignored: [] }, output);
      assertEquals(passed > 0, true, output);
    });
  }
}
