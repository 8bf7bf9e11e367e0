/** Compares `ipoib ethtool` with ethtool(8) on the TAP device, and link records with those of the kernel. */

import { assert, assertEquals } from "@std/assert";
import { isInstalled } from "../../scripts/test/packages.ts";
import { labTest } from "./harness/mod.ts";

/** Returns the lines of a text without their values. */
function names(text: string): string[] {
  return text.split("\n").map((line) => line.replace(/: (n\/a|\d+)$/, ""));
}

labTest(
  "ipoib ethtool prints the same lines as the installed ethtool",
  async (lab) => {
    const [a] = await lab.running(1);
    const version = await a.must("ethtool", "--version");
    const theirs = await a.must("ethtool", "-c", "ib0");
    const ours = await a.ipoib("ethtool", "-c", "ib0");
    if (/version 6\.1\b/.test(version)) {
      assertEquals(names(ours.stdout), names(theirs));
    }
    const keys = (text: string) => text.split("\n").map((l) => l.split(":")[0]);
    const driver = await a.ipoib("ethtool", "-i", "ib0");
    assertEquals(
      keys(driver.stdout),
      keys(await a.must("ethtool", "-i", "ib0")),
    );
    // The set of features depends on the kernel. Common features are in the same order.
    const known = new Set(keys(await a.must("ethtool", "-k", "ib0")));
    const features = await a.ipoib("ethtool", "-k", "ib0");
    const both = keys(features.stdout).filter((name) => known.has(name));
    assert(both.length > 40);
    assertEquals(
      both,
      [...known].filter((name) => keys(features.stdout).includes(name)),
    );
    const settings = await a.ipoib("ethtool", "ib0");
    assert(settings.stdout.includes("\tSpeed: 100000Mb/s\n"));
    assert(settings.stdout.endsWith("\tLink detected: yes\n"));
    const shown = await a.must("ethtool", "ib0");
    assert(shown.includes("\tSpeed: 100000Mb/s\n"), shown);
    const rings = await a.ipoib("ethtool", "-g", "ib0");
    assertEquals([rings.code, rings.stderr], [
      2,
      "netlink error: Operation not supported\n",
    ]);
  },
  { ignore: !isInstalled("ethtool") },
);

labTest(
  "the kernel and ipoib show the same link attributes and speed",
  async (lab) => {
    const [a] = await lab.running(1);
    const KEYS = ["promiscuity", "allmulti", "min_mtu", "max_mtu", "mtu"];
    const pick = (link: Record<string, unknown>) =>
      KEYS.map((key) => [key, link[key]]);
    const compare = async () => {
      const [theirs] = JSON.parse(
        await a.ip("-d", "-j", "link", "show", "ib0"),
      );
      const [ours] = await a.show<Record<string, unknown>[]>(
        ...["link", "show", "ib0", "-d"],
      );
      assertEquals(pick(ours!), pick(theirs));
      return ours!;
    };
    await compare();
    await a.ip("link", "set", "ib0", "promisc", "on", "allmulticast", "on");
    const { promiscuity, allmulti, hca } = await compare();
    assertEquals([promiscuity, allmulti], [1, 1]);
    const { rate_mbps } = hca as { rate_mbps: number };
    const speed = await a.must("cat", "/sys/class/net/ib0/speed");
    assertEquals(Number(speed), rate_mbps);
  },
);
