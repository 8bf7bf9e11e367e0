import { FakeFrames } from "../../src/system/fake_frames.ts";
import {
  assert,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { addressOf, libc } from "../../ffi/libc.ts";
import { IpoibError } from "../../src/base/errors.ts";
import { Errno } from "../../src/base/errno.ts";
import { getLink, Iff } from "../../src/netdev/rtnetlink/link_message.ts";
import { addAddress } from "../../scripts/address.ts";
import { setLink } from "../../src/netdev/rtnetlink/link_set.ts";
import { RequestSocket } from "../../src/netdev/rtnetlink/socket.ts";
import { IpAddress } from "../../src/wire/ip_address.ts";
import { checkName, interfaceRequest } from "../../src/netdev/tap/name.ts";
import { openTap } from "../../src/netdev/tap/open_tap.ts";
import { setLinkSpeed } from "../../src/netdev/tap/speed.ts";
import {
  ip,
  kernelTest,
  openTestNetdev,
  TestNamespace,
  udpFrame,
  udpSocket,
} from "./support.ts";
import { socketAddress } from "../system/socket_address.ts";

/** Attributes of a TAP's link data (linux/if_link.h). */
const IFLA_TUN_TYPE = 3;
const IFLA_TUN_PI = 4;
const IFLA_TUN_VNET_HDR = 5;
const IFLA_TUN_PERSIST = 6;

function errorOf(fn: () => unknown): IpoibError {
  return assertThrows(fn, IpoibError);
}

kernelTest("openTap() creates a TAP of link type InfiniBand", () => {
  using netns = new TestNamespace();
  using tap = openTap({ name: "ib0", netns: netns.fd });
  using requests = new RequestSocket(netns.fd);
  const link = getLink(requests, tap.ifindex)!;
  assertEquals(link.name, "ib0");
  assertEquals(link.type, 32);
  assertEquals(link.kind, "tun");
  assertEquals(link.kindData!.u8(IFLA_TUN_TYPE), 2);
  assertEquals(link.kindData!.u8(IFLA_TUN_PI), 0);
  assertEquals(link.kindData!.u8(IFLA_TUN_VNET_HDR), 1);
  assertEquals(link.kindData!.u8(IFLA_TUN_PERSIST), 0);
  assertEquals(link.up, false);
  assertEquals(link.carrier, false);
  // BROADCAST and MULTICAST; neither POINTOPOINT nor NOARP.
  assertEquals(link.flags & 0x1092, 0x1002);
  assertEquals(tap.vnetHeaderLength(), 12);
  assertEquals(getLink(requests, tap.ifindex)!.name, "ib0");
});

kernelTest("openTap() enables the offloads that the kernel supports", () => {
  using netns = new TestNamespace();
  using tap = openTap({ name: "ib0", netns: netns.fd });
  assertEquals(tap.offload & 0x07, 0x07);
  using plain = openTap({ name: "ib1", netns: netns.fd, offload: 0 });
  assertEquals(plain.offload, 0);
  using checksum = openTap({ name: "ib2", netns: netns.fd, offload: 0x01 });
  assertEquals(checksum.offload, 0x01);
  const takesUdp = (tap.offload & 0x60) !== 0;
  for (const each of [tap, plain, checksum]) {
    const { offload } = each;
    assertEquals(each.takesUdpFrames(), takesUdp);
    assertEquals(each.offload, offload);
  }
  assertEquals(checksum.offload, 0x01);
  assertEquals(checksum.setOffloads(0x03), 0x03);
  assertEquals(checksum.setOffloads(0x02), 0, "TSO4 needs CSUM");
  assertEquals([checksum.setOffloads(0x05), checksum.offload], [0x05, 0x05]);
});

kernelTest("openTap() replaces %d with the next free number", () => {
  using netns = new TestNamespace();
  using first = openTap({ name: "ib%d", netns: netns.fd });
  using second = openTap({ name: "ib%d", netns: netns.fd });
  assertEquals([first.name, second.name], ["ib0", "ib1"]);
});

kernelTest("openTap() throws for a name that is taken", () => {
  using netns = new TestNamespace();
  using _tun = openTap({ name: "ib0", netns: netns.fd });
  for (const name of ["ib0", "lo"]) {
    const error = errorOf(() => openTap({ name, netns: netns.fd }));
    assertEquals(error.code, "E_NAME_TAKEN");
    assertEquals(error.errno, Errno.EEXIST);
    assertStringIncludes(error.message, "taken");
  }
  using other = new TestNamespace();
  openTap({ name: "ib0", netns: other.fd }).close();
});

Deno.test("checkName() refuses the names that the kernel refuses", () => {
  const bad = [
    "",
    "a234567890123456",
    "..",
    "a/b",
    "a b",
    "a:b",
    "a\0b",
    "%x",
    "%d%d",
  ];
  for (const name of bad) {
    const error = errorOf(() => checkName(name));
    assertEquals(error.code, "E_NAME");
    assertEquals(error.errno, Errno.EINVAL);
  }
  checkName("a23456789012345");
  checkName("ib%d");
  checkName("ib0.8001");
});

/** Returns the error of openTap() in a process started by the command `prefix`. */
async function errorUnder(...prefix: string[]): Promise<IpoibError> {
  const url = new URL("../../src/netdev/tap/open_tap.ts", import.meta.url).href;
  const path = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(
    path,
    `import { openTap } from ${JSON.stringify(url)};
    try { openTap({ name: "ibtest0" }); }
    catch (error) { console.log(JSON.stringify(error)); }`,
  );
  try {
    const { stdout } = await new Deno.Command(prefix[0]!, {
      args: [
        ...prefix.slice(1),
        Deno.execPath(),
        "run",
        "--allow-ffi",
        "--no-check",
        "--config",
        new URL("../../deno.json", import.meta.url).pathname,
        path,
      ],
    }).output();
    return IpoibError.from(JSON.parse(new TextDecoder().decode(stdout)));
  } finally {
    await Deno.remove(path);
  }
}

kernelTest("openTap() names the missing capability CAP_NET_ADMIN", async () => {
  const error = await errorUnder("setpriv", "--bounding-set=-net_admin");
  assertEquals([error.code, error.errno], ["E_PRIVILEGE", Errno.EPERM]);
  assertStringIncludes(error.message, "needs CAP_NET_ADMIN");
});

kernelTest(
  "openTap() names the remedy for a missing /dev/net/tun",
  async () => {
    const error = await errorUnder(
      "unshare",
      "--mount",
      "sh",
      "-c",
      'mount -t tmpfs none /dev/net && exec "$@"',
      "sh",
    );
    assertEquals([error.code, error.errno], ["E_TAP_MISSING", Errno.ENOENT]);
    assertStringIncludes(error.message, "/dev/net/tun");
    assertStringIncludes(error.hint!, "modprobe tun");
  },
);

kernelTest("Tap.setCarrier() sets the carrier state", () => {
  using netns = new TestNamespace();
  using tap = openTap({ name: "ib0", netns: netns.fd });
  using requests = new RequestSocket(netns.fd);
  setLink(requests, tap.ifindex, { up: true });
  const running = () => getLink(requests, tap.ifindex)!.running;
  assertEquals(running(), false);
  tap.setCarrier(true);
  assertEquals(running(), true);
  tap.setCarrier(false);
  assertEquals(running(), false);
});

kernelTest("TapNetdev transfers frames in both directions", () => {
  using netns = new TestNamespace();
  const memory = new FakeFrames(8, 65536 + 26);
  const netdev = openTestNetdev(netns, { memory });
  try {
    const frame = udpFrame(
      ip("10.1.0.2"),
      ip("10.1.0.1"),
      5000,
      new TextEncoder().encode("hello"),
    );
    const results: string[] = [];
    netdev.onWritten = (frames, bytes) => results.push(`${frames} ${bytes}`);
    netdev.onRefused = (errno) => results.push(`errno ${errno}`);
    const slot = memory.reserve();
    memory.bytes.set(frame, slot * memory.frameCapacity);
    assertEquals(netdev.writeBytes(frame), -Errno.EIO);
    netdev.write(memory.vnetAddress[slot]!, frame.length);
    assertEquals(results.splice(0), [`errno ${Errno.EIO}`]);
    addAddress(netdev.config.requests, netdev.ifindex, "10.1.0.1/24");
    netdev.change({ up: true });
    netdev.setCarrier(true);
    assert(netns.until(() => netdev.config.up));
    using socket = udpSocket(netns.fd);
    const own = socketAddress("10.1.0.1", 5000);
    assertEquals(libc().bind(socket.number, own, 16), 0);

    // To the kernel, from an address and from a buffer.
    netdev.write(memory.vnetAddress[slot]!, frame.length);
    memory.unreserve(slot);
    assertEquals(results, [`1 ${frame.length}`]);
    assertEquals(netdev.writeBytes(frame), frame.length);
    const received = new Uint8Array(100);
    for (let i = 0; i < 2; i++) {
      assertEquals(libc().recv(socket.number, received, 100, 0x40), 5);
      assertEquals(new TextDecoder().decode(received.subarray(0, 5)), "hello");
    }
    assertEquals(netdev.writeBytes(new Uint8Array(12)), -Errno.EINVAL);

    // From the kernel, which starts the queue shortly after the carrier is up.
    netns.settle();
    const peer = socketAddress("10.1.0.2", 6000);
    netdev.config.neighbours.setPermanent(IpAddress.ipv4(ip("10.1.0.2")));
    let read: Uint8Array | undefined;
    netdev.onFrames = ({ count, slot, length }) => {
      for (let i = 0; i < count; i++) {
        const frame = memory.frame(slot[i]!, length[i]!);
        memory.unreserve(slot[i]!);
        // Ignores IGMP reports and router solicitations.
        if (frame[26] === 0x45 && frame[26 + 9] === 17) read = frame;
      }
    };
    const sent = libc().sendto(
      socket.number,
      new Uint8Array([1, 2, 3]),
      3,
      0,
      peer,
      16,
    );
    assertEquals(sent, 3);
    assert(netns.until(() => read !== undefined));
    assertEquals(read!.length, 26 + 28 + 3);
    assertEquals([...read!.subarray(54, 57)], [1, 2, 3]);
    // NEEDS_CSUM: the checksum starts at the UDP header, and its field is at offset 6.
    assertEquals(read![0]! & 1, 1);
    assertEquals(read![6]! | read![7]! << 8, 34);
    assertEquals(read![8]! | read![9]! << 8, 6);
  } finally {
    netdev.close();
  }
});

kernelTest(
  "TapNetdev leaves frames in the kernel's queue while there are no slots",
  () => {
    using netns = new TestNamespace();
    const memory = new FakeFrames(0, 65536 + 26);
    const netdev = openTestNetdev(netns, { memory });
    try {
      let calls = 0;
      netdev.onFrames = ({ count }) => calls += count;
      addAddress(netdev.config.requests, netdev.ifindex, "10.1.0.1/24");
      netdev.change({ up: true });
      netdev.setCarrier(true);
      // The kernel starts the queue shortly after the carrier is up.
      netns.settle();
      netdev.config.neighbours.setPermanent(IpAddress.ipv4(ip("10.1.0.2")));
      using socket = udpSocket(netns.fd);
      const to = socketAddress("10.1.0.2", 6000);
      libc().sendto(socket.number, new Uint8Array(1), 1, 0, to, 16);
      netns.settle();
      assertEquals(calls, 0);
      const more = new FakeFrames(1, 65536 + 26);
      Object.assign(memory, { vnetAddress: more.vnetAddress });
      memory.free.push(0);
      netdev.resume();
      assert(netns.until(() => calls === 1));
    } finally {
      netdev.close();
    }
  },
);

kernelTest(
  "TapNetdev.setMtu() sets the MTU and throws for an invalid MTU",
  () => {
    using netns = new TestNamespace();
    const netdev = openTestNetdev(netns, { txQueueLength: 256 });
    try {
      assertEquals(netdev.config.mtu, 1500);
      assertEquals(
        getLink(netdev.config.requests, netdev.ifindex)!.txQueueLength,
        256,
      );
      netdev.setMtu(2044);
      assertEquals(netdev.config.mtu, 2044);
      assertEquals(getLink(netdev.config.requests, netdev.ifindex)!.mtu, 2044);
      const error = errorOf(() => netdev.setMtu(70000));
      assertEquals(error.code, "E_LINK_SET");
      assertEquals(error.errno, Errno.EINVAL);
    } finally {
      netdev.close();
    }
  },
);

kernelTest("TapNetdev.status() returns the kernel's values", () => {
  using netns = new TestNamespace();
  const netdev = openTestNetdev(netns);
  try {
    // The kernel version determines queueing discipline, queue length and limits.
    const { qdisc: _, txQueueLength: __, limits, ...status } = netdev.status();
    assert(limits.num_tx_queues === 1 && limits.gso_max_size! > 0);
    assertEquals(status, {
      flags: Iff.Broadcast | Iff.Multicast,
      carrier: false,
      operState: 2,
      dormantMode: false,
      group: 0,
      alias: undefined,
      addrGenMode: "eui64",
      promiscuity: 0,
      allmulti: 0,
      minMtu: 68,
      maxMtu: 65521,
      queueDrops: 0,
      forwardsIpv6: false,
    });
    netdev.change({
      ...{ promisc: true, allmulticast: true, multicast: false, arp: false },
      ...{ alias: "rail 1", group: 7, txQueueLength: 64, linkMode: "dormant" },
      addrGenMode: "none",
    });
    const changed = netdev.status();
    assertEquals([changed.promiscuity, changed.allmulti], [1, 1]);
    assertEquals(
      changed.flags & (Iff.Promisc | Iff.AllMulti | Iff.Multicast | Iff.NoArp),
      Iff.Promisc | Iff.AllMulti | Iff.NoArp,
    );
    assertEquals(
      [changed.alias, changed.group, changed.txQueueLength],
      ["rail 1", 7, 64],
    );
    assertEquals([changed.dormantMode, changed.addrGenMode], [true, "none"]);
    netdev.change({ alias: "", arp: true, promisc: false });
    assertEquals(netdev.status().alias, undefined);
    assertEquals(
      netdev.status().flags & (Iff.Promisc | Iff.AllMulti | Iff.NoArp),
      Iff.AllMulti,
    );
    const long = errorOf(() => netdev.change({ alias: "x".repeat(256) }));
    assertEquals([long.code, long.errno], ["E_LINK_SET", Errno.EINVAL]);
  } finally {
    netdev.close();
  }
});

kernelTest("setLinkSpeed() sets the speed that the kernel shows", () => {
  using netns = new TestNamespace();
  using tap = openTap({ name: "ib0", netns: netns.fd });
  using requests = new RequestSocket(netns.fd);
  for (const mbps of [2500, 10_000, 103_125, 400_000]) {
    assert(setLinkSpeed(requests.fd, tap.name, mbps));
    assertEquals(shownSpeed(requests.fd, tap.name), mbps);
  }
  assertEquals(setLinkSpeed(requests.fd, "other", 10), false);
});

/** Returns the speed in the reply to ETHTOOL_GLINKSETTINGS (struct ethtool_link_settings). */
function shownSpeed(socket: number, name: string): number {
  const settings = new Uint8Array(48 + 3 * 4 * 127);
  const view = new DataView(settings.buffer);
  const request = interfaceRequest(name);
  new DataView(request.buffer).setBigUint64(16, addressOf(settings), true);
  // The first reply has the length of the masks in words.
  for (let i = 0; i < 2; i++) {
    view.setUint32(0, 0x4c, true);
    view.setInt8(15, Math.abs(view.getInt8(15)));
    assertEquals(libc().ioctl(socket, 0x8946n, request), 0);
  }
  return view.getUint32(4, true);
}
