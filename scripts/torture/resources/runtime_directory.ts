/** Scenarios: the runtime directory is full, read-only or small. */

import { assertEquals } from "@std/assert";
import { type Lab, must, run, until } from "../../../tests/e2e/harness/mod.ts";
import {
  assertRefused,
  assertWell,
  type Scenario,
  upWords,
} from "./scenario.ts";

/** Mounts a tmpfs with limits on the runtime directory until the end of the block. */
async function mounted(lab: Lab, limits: string): Promise<AsyncDisposable> {
  const options = `${limits},mode=755`;
  await must(["mount", "-t", "tmpfs", "-o", options, "none", lab.runtime]);
  return {
    [Symbol.asyncDispose]: async () =>
      void await must(["umount", "--lazy", lab.runtime]),
  };
}

/** Fills the runtime directory. */
async function fill(lab: Lab): Promise<void> {
  // dd fails with "No space left on device".
  await run(["dd", "if=/dev/zero", `of=${lab.runtime}/filler`, "bs=4096"]);
}

export const runtimeDirectoryScenarios: readonly Scenario[] = [
  {
    name: "runtime directory without free files",
    expected: "up is refused",
    quick: true,
    async run(lab) {
      const [a] = await lab.hosts(1);
      await using _mount = await mounted(lab, "nr_inodes=4");
      assertRefused(await run(upWords(lab, a)), /space/i);
      assertEquals(await a.hasDevice("ib0"), false);
    },
  },
  {
    name: "runtime directory full",
    expected: "what runs goes on, and newcomers, which only need files",
    async run(lab) {
      const [a, b, c] = await lab.hosts(3);
      await using _mount = await mounted(lab, "size=64k");
      await a.up();
      await fill(lab);
      await b.up();
      await assertWell(a, b);
      const up = await c.ipoib("up", "ib0", "--hca", "soft", "--background");
      assertEquals(up.code, 0, up.stderr);
      for (const host of [a, b, c]) {
        const down = await host.ipoib("down", "ib0");
        assertEquals(down.code, 0, down.stderr);
      }
    },
  },
  {
    name: "runtime directory read-only",
    expected: "up is refused",
    quick: true,
    async run(lab) {
      const [a] = await lab.hosts(1);
      await using _mount = await mounted(lab, "size=1m");
      await must(["mount", "-o", "remount,ro", lab.runtime]);
      assertRefused(await run(upWords(lab, a)), /read-only/i);
    },
  },
  {
    name: "runtime directory of 1 MB",
    expected: "it is enough for ten interfaces in the background",
    async run(lab) {
      const hosts = await lab.hosts(10);
      await using _mount = await mounted(lab, "size=1m");
      for (const host of hosts) {
        const up = await host.ipoib(
          ...["up", "ib0", "--hca", "soft", "--background"],
        );
        assertEquals(up.code, 0, up.stderr);
        await host.ip("addr", "add", `${host.address}/24`, "dev", "ib0");
      }
      await until("traffic", () => hosts[0]!.reaches(hosts[9]!));
      for (const host of hosts) {
        assertEquals((await host.ipoib("down", "ib0")).code, 0);
      }
    },
  },
];
