/** `ipoib ethtool -K` on running interfaces: what the kernel's stack then does, and what the kernel's device shows. */

import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { isInstalled } from "../../scripts/test/packages.ts";
import {
  createChild,
  type Host,
  iperf,
  iperfServer,
  labTest,
} from "./harness/mod.ts";

const MTU = 2044;
/** Large sends have two segments or more, also at the low rates of a slow machine. */
const LARGE = 1.5 * MTU;
const NO_ETHTOOL = { ignore: !isInstalled("ethtool") };

async function set(host: Host, ...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await host.ipoib(
    ...["ethtool", "-K", "ib0", ...words],
  );
  assertEquals([code, stderr], [0, ""], words.join(" "));
  return stdout;
}

/** Returns the mean number of bytes in a frame that the kernel gives to the interface during a transfer. */
async function frameSize(from: Host, to: Host): Promise<number> {
  const read = async () => {
    const [stats] = await from.call("stats", { name: "ib0" });
    const { counters, stats64: { tx } } = stats!;
    return [tx.bytes, counters.tx_frames!] as const;
  };
  const before = await read();
  await iperf(from, to.address);
  const after = await read();
  return (after[0] - before[0]) / (after[1] - before[1]);
}

/** Returns whether the kernel's own feature of the device is on. */
async function kernelFeature(host: Host, name: string): Promise<boolean> {
  const [features] = JSON.parse(
    await host.must("ethtool", "--json", "-k", "ib0"),
  );
  return features[name].active;
}

labTest(
  "without tso the kernel segments, also after the interface was down, until tso is on again",
  async (lab) => {
    const [a, b] = await lab.running(2);
    await using _server = await iperfServer(b);
    assertGreater(await frameSize(a, b), LARGE, "large sends");
    await set(a, "tx-tcp-segmentation", "off", "tx-tcp6-segmentation", "off");
    assertLess(await frameSize(a, b), MTU + 5, "segments");
    await a.ip("link", "set", "ib0", "down");
    await a.ip("link", "set", "ib0", "up");
    await a.call("wait", {});
    assertLess(await frameSize(a, b), MTU + 5, "segments after down and up");
    await set(a, "tx-tcp-segmentation", "on");
    assertGreater(await frameSize(a, b), LARGE, "large sends again");
  },
);

labTest(
  "the kernel's device has the features that ipoib ethtool shows",
  async (lab) => {
    const [a] = await lab.running(1);
    const kernel = (name: string) => kernelFeature(a, name);
    const tso = () => kernel("tx-tcp-segmentation");
    const checksum = () => kernel("tx-checksum-ip-generic");
    assert(await tso() && await checksum());
    const udp = await kernel("tx-udp-segmentation");
    assertEquals(
      await set(a, "tx", "off"),
      `Actual changes:
tx-checksum-ipv4: off
tx-checksum-ipv6: off
tx-tcp-segmentation: off [not requested]
tx-tcp-ecn-segmentation: off [not requested]
tx-tcp6-segmentation: off [not requested]
${udp ? "tx-udp-segmentation: off [not requested]\n" : ""}`,
    );
    assertEquals([await tso(), await checksum()], [false, false]);
    await set(a, "tx-checksum-ipv4", "on");
    assert(await tso() && await checksum());
    await set(a, "gso", "off");
    assertEquals(await kernel("generic-segmentation-offload"), false);
    await set(a, "gso", "on");
    assert(await kernel("generic-segmentation-offload"));
  },
  NO_ETHTOOL,
);

labTest(
  "connected mode keeps checksums and large sends on the embedded HCA, and a child starts with the defaults",
  async (lab) => {
    const [a] = await lab.running(1);
    const lines = async () => {
      const { stdout } = await a.ipoib("ethtool", "-k", "ib0");
      return stdout.split("\n").filter((line) =>
        /tx-checksum-ipv4|tx-tcp-segmentation/.test(line)
      );
    };
    const on = ["\ttx-checksum-ipv4: on", "\ttx-tcp-segmentation: on"];
    assertEquals(await lines(), on);
    await a.ipoib("link", "set", "ib0", "mode", "connected");
    assertEquals(await lines(), on);
    assert(await kernelFeature(a, "tx-checksum-ip-generic"));
    await a.ipoib("link", "set", "ib0", "mode", "datagram");
    assertEquals(await lines(), on);
    await set(a, "tx-tcp-segmentation", "off", "tx-tcp6-segmentation", "off");
    await createChild(a, "0x8001", "10.81.0.1/24");
    const child = await a.ipoib("ethtool", "-k", "ib0.8001");
    assert(child.stdout.includes("tcp-segmentation-offload: on\n"));
  },
  NO_ETHTOOL,
);
