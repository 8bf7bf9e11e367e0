/** The offloads of a network device that are changed while it exists, as the kernel shows them. */

import { assert, assertEquals } from "@std/assert";
import { TapOffload } from "../../src/netdev/netdev.ts";
import { RequestSocket } from "../../src/netdev/rtnetlink/socket.ts";
import { ethtool } from "../../src/netdev/tap/ethtool_request.ts";
import { kernelTest, openTestNetdev, TestNamespace } from "./support.ts";

/** Commands with struct ethtool_value (`linux/ethtool.h`), which return 0 or 1. */
const ETHTOOL_GTXCSUM = 0x16;
const ETHTOOL_GTSO = 0x1e;
const ETHTOOL_GGSO = 0x23;

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
  "TapNetdev.setGenericSegmentation() changes the kernel's feature",
  () => {
    using netns = new TestNamespace();
    const netdev = openTestNetdev(netns);
    using requests = new RequestSocket(netns.fd);
    const gso = () => shown(requests.fd, ETHTOOL_GGSO);
    assertEquals(gso(), 1);
    netdev.setGenericSegmentation(false);
    assertEquals(gso(), 0);
    netdev.setGenericSegmentation(true);
    assertEquals(gso(), 1);
    netdev.close();
  },
);
