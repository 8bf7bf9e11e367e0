/** `TapNetdev.status()`: the drops of the queue of a device, and a device that cannot be read. */

import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";
import { libc } from "../../ffi/libc.ts";
import { Errno } from "../../src/base/errno.ts";
import { addAddress } from "../../scripts/address.ts";
import type { TapNetdev } from "../../src/netdev/open_netdev.ts";
import { getLink } from "../../src/netdev/rtnetlink/link_message.ts";
import { attachTap } from "../../src/netdev/tap/adopt_tap.ts";
import { FakeFrames } from "../../src/system/fake_frames.ts";
import { withNamespace } from "../../src/system/namespace.ts";
import { IpAddress } from "../../src/wire/ip_address.ts";
import { FailingCall } from "../system/failing_call.ts";
import { socketAddress } from "../system/socket_address.ts";
import {
  ip,
  kernelTest,
  openTestNetdev,
  TestNamespace,
  udpSocket,
} from "./support.ts";

/** No frame is read. */
const OPTIONS = { memory: new FakeFrames(0, 65536 + 26), txQueueLength: 4 };

/** Opens a device with an address, up and with carrier. */
function openRunning(netns: TestNamespace): TapNetdev {
  const netdev = openTestNetdev(netns, OPTIONS);
  addAddress(netdev.config.requests, netdev.ifindex, "10.1.0.1/24");
  netdev.change({ up: true });
  netdev.setCarrier(true);
  netns.settle();
  return netdev;
}

/** Sends more packets than the queue holds, and waits until the kernel has dropped at least 40. */
function overrun(netns: TestNamespace, netdev: TapNetdev): void {
  using socket = udpSocket(netns.fd);
  const to = socketAddress("10.1.0.2", 6000);
  netdev.config.neighbours.setPermanent(IpAddress.ipv4(ip("10.1.0.2")));
  const before = inKernel(netdev);
  for (let i = 0; i < 50; i++) {
    libc().sendto(socket.number, new Uint8Array(1), 1, 0, to, 16);
  }
  assert(netns.until(() => inKernel(netdev) - before >= 40));
}

function inKernel({ config, ifindex }: TapNetdev): number {
  return getLink(config.requests, ifindex)!.txDropped;
}

kernelTest(
  "TapNetdev.status() counts packets that did not fit into the device's queue",
  () => {
    using netns = new TestNamespace();
    const netdev = openRunning(netns);
    try {
      const before = netdev.status().queueDrops;
      overrun(netns, netdev);
      assertGreaterOrEqual(netdev.status().queueDrops - before, 40);
    } finally {
      netdev.close();
    }
  },
);

kernelTest(
  "TapNetdev.status() counts the queue's drops of a device of an earlier process from the takeover on",
  () => {
    using netns = new TestNamespace();
    const earlier = openRunning(netns);
    assert(earlier.tap.setPersistent(true));
    overrun(netns, earlier);
    earlier.close();
    const tap = withNamespace(netns.fd, () => attachTap("ib0"))!;
    tap.setPersistent(false);
    const device = { tap, program: "routes" };
    const netdev = openTestNetdev(netns, { ...OPTIONS, device });
    try {
      assertGreaterOrEqual(inKernel(netdev), 40);
      const first = inKernel(netdev) - netdev.status().queueDrops;
      assertGreaterOrEqual(first, 40);
      netdev.setCarrier(true);
      overrun(netns, netdev);
      assertGreaterOrEqual(netdev.status().queueDrops, 40);
      assertEquals(inKernel(netdev) - netdev.status().queueDrops, first);
    } finally {
      netdev.close();
    }
  },
);

kernelTest(
  "TapNetdev.status() keeps the number of the queue's drops when the device is gone",
  () => {
    using netns = new TestNamespace();
    const netdev = openRunning(netns);
    try {
      overrun(netns, netdev);
      const { queueDrops } = netdev.status();
      assertGreaterOrEqual(queueDrops, 40);
      using elsewhere = new TestNamespace();
      netdev.change({ netns: { fd: elsewhere.fd } });
      const { flags, queueDrops: after } = netdev.status();
      assertEquals([flags, after], [0, queueDrops]);
    } finally {
      netdev.close();
    }
  },
);

kernelTest(
  "TapNetdev.status() returns what it last read while the kernel refuses",
  () => {
    using netns = new TestNamespace();
    const netdev = openRunning(netns);
    try {
      const before = netdev.status();
      using failing = new FailingCall(libc(), "send", 1, Errno.ENOBUFS);
      assertEquals(netdev.status(), before);
      assert(failing.failed);
    } finally {
      netdev.close();
    }
  },
);
