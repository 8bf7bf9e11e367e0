/** Missing libraries, devices and permissions are reported in one line with the remedy. */

import { assertEquals, assertMatch } from "@std/assert";
import type { Fabric } from "../../../scripts/rig/fabric.ts";
import type { Guest } from "../../../scripts/rig/guest.ts";
import { fullTest } from "../../../scripts/test/form.ts";
import { withoutLibrary, withoutPermission } from "../without.ts";

const UP = "up ib7 --hca ibx0/1";

async function assertRefused(
  guest: Guest,
  script: string,
  message: RegExp,
): Promise<void> {
  const { code, output } = await guest.run(script);
  assertMatch(output, message);
  assertEquals(code, 2, output);
  assertEquals(output.trim().split("\n").length, 1, output);
}

export function missing(fabric: Fabric): void {
  fullTest(
    "up reports a missing device, port or library in one line",
    async () => {
      const { c } = fabric;
      await Promise.all([
        assertRefused(
          c,
          "ipoib up ib7 --hca mlx5_9/1",
          /InfiniBand device mlx5_9 does not exist/,
        ),
        assertRefused(
          c,
          "ipoib up ib7 --hca ibx0/2",
          /Device ibx0 has no port 2/,
        ),
        assertRefused(
          c,
          withoutLibrary("libibverbs", UP),
          /libibverbs.*install libibverbs1/,
        ),
        assertRefused(
          c,
          withoutLibrary("libibumad", UP),
          /libibumad.*install libibumad3/,
        ),
      ]);
    },
  );

  fullTest(
    "up reports a device file without permission in one line",
    async () => {
      for (const file of ["uverbs0", "umad0"]) {
        await assertRefused(
          fabric.c,
          withoutPermission(`/dev/infiniband/${file}`, UP),
          new RegExp(
            `No permission to open device file /dev/infiniband/${file}`,
          ),
        );
      }
    },
  );
}
