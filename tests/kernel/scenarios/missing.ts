/** What is missing on a host is said in one sentence, with the way out: libraries, devices, permissions. */

import { assertEquals, assertMatch } from "@std/assert";
import type { Fabric } from "../../../scripts/rig/fabric.ts";
import type { Guest } from "../../../scripts/rig/guest.ts";
import { fullTest } from "../../../scripts/test/form.ts";

const DENO = Deno.execPath();
const IPOIB =
  "run --quiet --no-check --cached-only --allow-all /project/main.ts";
const LIBRARIES = `/usr/lib/${Deno.build.arch}-linux-gnu`;
const UP = "up ib7 --hca ibx0/1";

/** A script in which a library is an empty file. */
function hidden(library: string): string {
  return `unshare -m bash -c '
    for f in ${LIBRARIES}/${library}.so.*; do mount --bind /dev/null $f; done
    exec "$0" ${IPOIB} ${UP}' '${DENO}'`;
}

/** A script in which a file is closed to us: root may open it all the same, unless it gives that up. */
function closed(file: string): string {
  const drop = "-dac_override,-dac_read_search";
  return `old=$(stat -c %a ${file}); chmod 000 ${file}
    setpriv --bounding-set=${drop} --inh-caps=${drop} '${DENO}' ${IPOIB} ${UP}
    code=$?; chmod $old ${file}; exit $code`;
}

async function refuses(
  guest: Guest,
  script: string,
  sentence: RegExp,
): Promise<void> {
  const { code, output } = await guest.run(script);
  assertMatch(output, sentence);
  assertEquals(code, 2, output);
  assertEquals(output.trim().split("\n").length, 1, output);
}

export function missing(fabric: Fabric): void {
  fullTest(
    "a missing device, port or library is reported in one sentence",
    async () => {
      const { c } = fabric;
      await Promise.all([
        refuses(
          c,
          "ipoib up ib7 --hca mlx5_9/1",
          /InfiniBand device mlx5_9 does not exist/,
        ),
        refuses(c, "ipoib up ib7 --hca ibx0/2", /Device ibx0 has no port 2/),
        refuses(c, hidden("libibverbs"), /libibverbs.*install libibverbs1/),
        refuses(c, hidden("libibumad"), /libibumad.*install libibumad3/),
      ]);
    },
  );

  fullTest(
    "a device file without permission is reported in one sentence",
    async () => {
      for (const file of ["uverbs0", "umad0"]) {
        await refuses(
          fabric.c,
          closed(`/dev/infiniband/${file}`),
          new RegExp(`no permission to open /dev/infiniband/${file}`),
        );
      }
    },
  );
}
