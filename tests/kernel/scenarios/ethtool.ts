/** `ipoib ethtool` beside ethtool(8) on the kernel's ib_ipoib: the same lines, refusals and exit codes. */

import { assert, assertEquals } from "@std/assert";
import type { Fabric } from "../../../scripts/rig/fabric.ts";
import type { Guest } from "../../../scripts/rig/guest.ts";
import { report } from "../../../scripts/rig/report.ts";
import { fullTest } from "../../../scripts/test/form.ts";
import { wrongSums } from "../../statistics_sums.ts";

/** Features whose state differs from that of the driver (docs/differences.md). */
const DIFFERING =
  /^\s*(tx-checksum|tx-tcp|tcp-seg|tx-udp-seg|rx-gro|rx-udp-gro|large-rec|generic-rec|rx-gro-list|rx-checksumming)/;

/** Runs a command, and returns its output of both kinds and its exit code. */
async function outcome(guest: Guest, command: string): Promise<string> {
  return await guest.must(`${command} 2>&1; echo "exit code $?"`);
}

const names = (text: string) =>
  text.split("\n").map((line) => line.replace(/:.*/, ""));

export function ethtool(fabric: Fabric): void {
  fullTest("ipoib ethtool prints what ethtool prints of ib_ipoib", async () => {
    const { a, c } = fabric;
    const both = async (words: string) => {
      const theirs = await outcome(a, `ethtool ${words}`);
      const ours = await outcome(c, `ipoib ethtool ${words}`);
      return [ours, theirs] as const;
    };
    for (const words of ["-a ib0", "-t ib0", "-C ib0 tx-usecs 1", "-c ib0"]) {
      const [ours, theirs] = await both(words);
      const adaptive = /Adaptive RX: off/;
      assertEquals(ours.replace(adaptive, "Adaptive RX: n/a"), theirs, words);
    }
    // Not -i: in Linux 6.1 it crashes the driver on a software device, which has no parent (ipoib_get_drvinfo).
    const [ours, theirs] = await both("-k ib0");
    assertEquals(names(ours), names(theirs));
    const differing = theirs.split("\n").filter((line, i) =>
      ours.split("\n")[i] !== line
    );
    report(`features of ib_ipoib that differ: ${differing.join(", ")}`);
    assertEquals(differing.filter((line) => !DIFFERING.test(line)), []);
    const [counted, driver] = await both("-S ib0");
    const driverNames = names(driver).slice(0, 9);
    assertEquals(names(counted).slice(0, 9), driverNames);
  });

  Deno.test("moderation that the device lacks is refused, the counters add up, and those of the device are printed", async () => {
    const { c, node } = fabric;
    const refused = await outcome(c, "ipoib ethtool -C ib0 rx-usecs 5");
    assertEquals(
      refused.trim(),
      "netlink error: Operation not supported\nexit code 1",
    );
    const counters = await node.statistics();
    assertEquals(wrongSums(counters), []);
    // A counter of the driver of the device.
    assert((counters.hca_sent_pkts ?? 0) > 0, "hca_sent_pkts");
  });
}
