/** Compares `ipoib ethtool` with ethtool(8) on the TAP device, and link records with those of the kernel. */

import { assert, assertEquals } from "@std/assert";
import { isInstalled } from "../../scripts/test/packages.ts";
import { iperf, iperfServer, labTest, until } from "./harness/mod.ts";

/** Returns the lines of a text without their values. */
function names(text: string): string[] {
  return text.split("\n")
    .map((line) => line.replace(/^Adaptive RX: off/, "Adaptive RX: n/a"))
    .map((line) => line.replace(/: (n\/a|\d+)$/, ""));
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
      for (const words of [["-a", "ib0"], ["-C", "ib0", "tx-usecs", "1"]]) {
        const refused = await a.ipoib("ethtool", ...words);
        const { code, stdout, stderr } = await a.run(["ethtool", ...words]);
        assertEquals(refused, { code, stdout, stderr }, words.join(" "));
      }
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

labTest(
  "a new receive ring restarts the link, and traffic continues",
  async (lab) => {
    const [a, b] = await lab.running(2);
    assert(await a.reaches(b));
    const { qpn } = await b.link();
    const sizes = ["rx", "1000", "tx", "500"];
    const set = await b.ipoib("ethtool", "-G", "ib0", ...sizes);
    assertEquals([set.code, set.stderr], [0, ""]);
    const [rings] = await b.show<Record<string, number>[]>("ethtool", "-g");
    assertEquals([rings!["rx"], rings!["rx-max"]], [1024, 8192]);
    const [{ txqlen }] = JSON.parse(await b.ip("-j", "link", "show", "ib0"));
    assertEquals([rings!["tx"], txqlen], [512, 512]);
    await b.call("wait", {});
    assert((await b.link()).qpn !== qpn);
    await until("traffic over the new queue pair", () => a.reaches(b));
  },
);

labTest(
  "the frames of an interface are those that the kernel counts for its device",
  async (lab) => {
    const [a, b] = await lab.running(2);
    await using _server = await iperfServer(b);
    await iperf(a, b.address);
    await iperf(a, b.address, "-u", "-b", "20M", "-l", "500");
    for (const host of [a, b]) {
      await until("equal counts of frames", async () => {
        const [{ stats64 }] = JSON.parse(
          await host.ip("-s", "-j", "link", "show", "ib0"),
        );
        const { tx_frames: sent, rx_frames: received } = await host.counters();
        return stats64.tx.packets === sent && stats64.rx.packets === received;
      });
    }
  },
);
