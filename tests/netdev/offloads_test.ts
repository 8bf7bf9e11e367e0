/** The offloads of a network device that are changed while it exists, as the kernel shows them. */

import { assert, assertEquals } from "@std/assert";
import {
  KERNEL_FEATURES,
  type KernelFeature,
  TapOffload,
} from "../../src/netdev/netdev.ts";
import { RequestSocket } from "../../src/netdev/rtnetlink/socket.ts";
import { ethtool } from "../../src/netdev/tap/ethtool_request.ts";
import {
  featureNames,
  setKernelFeature,
} from "../../src/netdev/tap/kernel_features.ts";
import { kernelTest, openTestNetdev, TestNamespace } from "./support.ts";

/** Commands with struct ethtool_value (`linux/ethtool.h`), which return 0 or 1. */
const ETHTOOL_GTXCSUM = 0x16;
const ETHTOOL_GTSO = 0x1e;
const ETHTOOL_GFEATURES = 0x3a;

const { CHECKSUM, TSO4, TSO6, TSO_ECN, USO4, USO6 } = TapOffload;

function shown(socket: number, command: number): number {
  const request = new Uint8Array(8);
  assert(ethtool(socket, "ib0", command, request));
  return new DataView(request.buffer).getUint32(4, true);
}

kernelTest(
  "TapNetdev.setOffloads() changes the features that the kernel shows",
  () => {
    using netns = new TestNamespace();
    const netdev = openTestNetdev(netns);
    using requests = new RequestSocket(netns.fd);
    const features = () =>
      [ETHTOOL_GTXCSUM, ETHTOOL_GTSO].map((each) => shown(requests.fd, each));
    const large = CHECKSUM | TSO4 | TSO6 | TSO_ECN;
    const sets: [number, number[]][] = [
      [large, [1, 1]],
      [CHECKSUM, [1, 0]],
      [0, [0, 0]],
      [CHECKSUM | TSO6, [1, 1]],
      [large, [1, 1]],
    ];
    for (const [bits, expected] of sets) {
      assertEquals([netdev.setOffloads(bits), features()], [bits, expected]);
    }
    // Linux has USO since 6.2. Before, all other bits are set.
    const all = netdev.setOffloads(large | USO4 | USO6);
    assertEquals(all & large, large);
    netdev.close();
  },
);

kernelTest(
  "a new device has KERNEL_FEATURES, and TapNetdev.setKernelFeature() sets each",
  () => {
    using netns = new TestNamespace();
    const netdev = openTestNetdev(netns);
    using requests = new RequestSocket(netns.fd);
    netdev.setOffloads(CHECKSUM | TSO4 | TSO6);
    const features = Object.entries(KERNEL_FEATURES) as [
      KernelFeature,
      boolean,
    ][];
    for (const [name, initial] of features) {
      assertEquals(isActive(requests.fd, name), initial, name);
      netdev.setKernelFeature(name, !initial);
      assertEquals(isActive(requests.fd, name), !initial, name);
      netdev.setKernelFeature(name, initial);
      assertEquals(isActive(requests.fd, name), initial, name);
    }
    assertEquals(
      setKernelFeature(requests.fd, "ib0", "tx-nothing", true),
      false,
    );
    netdev.close();
  },
);

/** Returns whether a feature is active: struct ethtool_gfeatures has four words for each block of 32 features. */
function isActive(socket: number, name: string): boolean {
  const index = featureNames(socket, "ib0").indexOf(name);
  const request = new Uint8Array(8 + 16 * 2);
  const view = new DataView(request.buffer);
  view.setUint32(4, 2, true);
  assert(ethtool(socket, "ib0", ETHTOOL_GFEATURES, request));
  const active = view.getUint32(8 + 16 * Math.floor(index / 32) + 8, true);
  return (active >>> index % 32 & 1) === 1;
}
