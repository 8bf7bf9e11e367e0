/** Missing libraries, devices and permissions are reported in one line with the remedy. */

import { assertEquals, assertMatch } from "@std/assert";
import type { Fabric } from "../../../scripts/rig/fabric.ts";
import type { Guest } from "../../../scripts/rig/guest.ts";
import { fullTest } from "../../../scripts/test/form.ts";

const DENO = Deno.execPath();
const IPOIB =
  "run --quiet --no-check --cached-only --allow-all /project/main.ts";
const LIBRARIES = `/usr/lib/${Deno.build.arch}-linux-gnu`;
const UP = "up ib7 --hca ibx0/1";

/** Returns a script that runs `up` with an empty file in place of a library. */
function withoutLibrary(library: string): string {
  return `unshare -m bash -c '
    for f in ${LIBRARIES}/${library}.so.*; do mount --bind /dev/null $f; done
    exec "$0" ${IPOIB} ${UP}' '${DENO}'`;
}

/**
 * Returns a script that runs `up` without permission to open a file: mode 000, and root without the capabilities that
 * override it.
 */
function withoutPermission(file: string): string {
  const drop = "-dac_override,-dac_read_search";
  return `old=$(stat -c %a ${file}); chmod 000 ${file}
    setpriv --bounding-set=${drop} --inh-caps=${drop} '${DENO}' ${IPOIB} ${UP}
    code=$?; chmod $old ${file}; exit $code`;
}

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
          withoutLibrary("libibverbs"),
          /libibverbs.*install libibverbs1/,
        ),
        assertRefused(
          c,
          withoutLibrary("libibumad"),
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
          withoutPermission(`/dev/infiniband/${file}`),
          new RegExp(
            `No permission to open device file /dev/infiniband/${file}`,
          ),
        );
      }
    },
  );
}
