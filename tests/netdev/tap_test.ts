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
import {
  getLink,
  linkRequest,
  RTM_NEWLINK,
} from "../../src/netdev/rtnetlink/link_message.ts";
import { NLM_F_ACK } from "../../src/netdev/rtnetlink/message.ts";
import { addAddress } from "../../scripts/address.ts";
import { setLinkUp } from "../../src/netdev/rtnetlink/link_set.ts";
import { RequestSocket } from "../../src/netdev/rtnetlink/socket.ts";
import { IpAddress } from "../../src/wire/ip_address.ts";
import { checkName, interfaceRequest } from "../../src/netdev/tap/name.ts";
import { openTap } from "../../src/netdev/tap/open_tap.ts";
import { setLinkSpeed } from "../../src/netdev/tap/speed.ts";
import {
  ip,
  kernelTest,
  openTestNetdev,
  Room,
  socketAddress,
  udpFrame,
  udpSocket,
} from "./support.ts";

/** Attributes of a TAP's link data (linux/if_link.h). */
const IFLA_TUN_TYPE = 3;
const IFLA_TUN_PI = 4;
const IFLA_TUN_VNET_HDR = 5;
const IFLA_TUN_PERSIST = 6;

const IFF_PROMISC = 0x100;
const IFF_ALLMULTI = 0x200;

function codeOf(fn: () => unknown): IpoibError {
  return assertThrows(fn, IpoibError);
}

kernelTest("openTap() makes a TAP of link type InfiniBand", () => {
  using room = new Room();
  using tap = openTap({ name: "ib0", netns: room.fd });
  using requests = new RequestSocket(room.fd);
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

kernelTest("openTap() turns on offloads that the kernel has", () => {
  using room = new Room();
  using tap = openTap({ name: "ib0", netns: room.fd });
  assertEquals(tap.offload & 0x07, 0x07);
  using plain = openTap({ name: "ib1", netns: room.fd, offload: 0 });
  assertEquals(plain.offload, 0);
  using checksum = openTap({ name: "ib2", netns: room.fd, offload: 0x01 });
  assertEquals(checksum.offload, 0x01);
  assert(!checksum.setOffload(0x02), "TSO4 without CSUM is refused");
  assertEquals(checksum.offload, 0x01);
});

kernelTest("openTap() picks the next free number for %d", () => {
  using room = new Room();
  using first = openTap({ name: "ib%d", netns: room.fd });
  using second = openTap({ name: "ib%d", netns: room.fd });
  assertEquals([first.name, second.name], ["ib0", "ib1"]);
});

kernelTest("openTap() refuses a name that is taken", () => {
  using room = new Room();
  using _tun = openTap({ name: "ib0", netns: room.fd });
  for (const name of ["ib0", "lo"]) {
    const error = codeOf(() => openTap({ name, netns: room.fd }));
    assertEquals(error.code, "E_NAME_TAKEN");
    assertEquals(error.errno, Errno.EEXIST);
    assertStringIncludes(error.message, "taken");
  }
  using other = new Room();
  openTap({ name: "ib0", netns: other.fd }).close();
});

Deno.test("checkName() refuses what the kernel would", () => {
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
    const error = codeOf(() => checkName(name));
    assertEquals(error.code, "E_NAME");
    assertEquals(error.errno, Errno.EINVAL);
  }
  checkName("a23456789012345");
  checkName("ib%d");
  checkName("ib0.8001");
});

/** What openTap() throws in a process that `prefix` starts. */
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

kernelTest("openTap() says so without CAP_NET_ADMIN", async () => {
  const error = await errorUnder("setpriv", "--bounding-set=-net_admin");
  assertEquals([error.code, error.errno], ["E_PRIVILEGE", Errno.EPERM]);
  assertStringIncludes(error.hint!, "CAP_NET_ADMIN");
});

kernelTest("openTap() says so without /dev/net/tun", async () => {
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
});

kernelTest("Tap.setCarrier() moves the carrier", () => {
  using room = new Room();
  using tap = openTap({ name: "ib0", netns: room.fd });
  using requests = new RequestSocket(room.fd);
  setLinkUp(requests, tap.ifindex, true);
  const running = () => getLink(requests, tap.ifindex)!.running;
  assertEquals(running(), false);
  tap.setCarrier(true);
  assertEquals(running(), true);
  tap.setCarrier(false);
  assertEquals(running(), false);
});

kernelTest("TapNetdev passes frames both ways", () => {
  using room = new Room();
  const memory = new FakeFrames(8, 65536 + 26);
  const netdev = openTestNetdev(room, { memory });
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
    netdev.setUp(true);
    netdev.setCarrier(true);
    assert(room.until(() => netdev.config.up));
    using socket = udpSocket(room.fd);
    const own = socketAddress(ip("10.1.0.1"), 5000);
    assertEquals(libc().bind(socket.number, own, 16), 0);

    // Into the kernel, from an address and from a buffer.
    netdev.write(memory.vnetAddress[slot]!, frame.length);
    memory.unreserve(slot);
    assertEquals(results, [`1 ${frame.length}`]);
    assertEquals(netdev.writeBytes(frame), frame.length);
    const got = new Uint8Array(100);
    for (let i = 0; i < 2; i++) {
      assertEquals(libc().recv(socket.number, got, 100, 0x40), 5);
      assertEquals(new TextDecoder().decode(got.subarray(0, 5)), "hello");
    }
    assertEquals(netdev.writeBytes(new Uint8Array(12)), -Errno.EINVAL);

    // Out of the kernel, whose queue starts a little after the carrier.
    room.settle();
    const peer = socketAddress(ip("10.1.0.2"), 6000);
    netdev.config.neighbours.setPermanent(IpAddress.ipv4(ip("10.1.0.2")));
    let read: Uint8Array | undefined;
    netdev.onFrames = ({ count, slot, length }) => {
      for (let i = 0; i < count; i++) {
        const frame = memory.frame(slot[i]!, length[i]!);
        memory.unreserve(slot[i]!);
        // What is not ours: IGMP reports, router solicitations.
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
    assert(room.until(() => read !== undefined));
    assertEquals(read!.length, 26 + 28 + 3);
    assertEquals([...read!.subarray(54, 57)], [1, 2, 3]);
    // NEEDS_CSUM: the checksum begins at the UDP header, its field 6 further.
    assertEquals(read![0]! & 1, 1);
    assertEquals(read![6]! | read![7]! << 8, 34);
    assertEquals(read![8]! | read![9]! << 8, 6);
  } finally {
    netdev.close();
  }
});

kernelTest(
  "TapNetdev leaves frames to the kernel's queue while there are no slots",
  () => {
    using room = new Room();
    const memory = new FakeFrames(0, 65536 + 26);
    const netdev = openTestNetdev(room, { memory });
    try {
      let calls = 0;
      netdev.onFrames = ({ count }) => calls += count;
      addAddress(netdev.config.requests, netdev.ifindex, "10.1.0.1/24");
      netdev.setUp(true);
      netdev.setCarrier(true);
      // The kernel starts the queue a little after the carrier.
      room.settle();
      netdev.config.neighbours.setPermanent(IpAddress.ipv4(ip("10.1.0.2")));
      using socket = udpSocket(room.fd);
      const to = socketAddress(ip("10.1.0.2"), 6000);
      libc().sendto(socket.number, new Uint8Array(1), 1, 0, to, 16);
      room.settle();
      assertEquals(calls, 0);
      const more = new FakeFrames(1, 65536 + 26);
      Object.assign(memory, { vnetAddress: more.vnetAddress });
      memory.free.push(0);
      netdev.resume();
      assert(room.until(() => calls === 1));
    } finally {
      netdev.close();
    }
  },
);

kernelTest("TapNetdev.setMtu() sets the MTU and refuses a bad one", () => {
  using room = new Room();
  const netdev = openTestNetdev(room, { txQueueLength: 256 });
  try {
    assertEquals(netdev.config.mtu, 1500);
    assertEquals(
      getLink(netdev.config.requests, netdev.ifindex)!.txQueueLength,
      256,
    );
    netdev.setMtu(2044);
    assert(room.until(() => netdev.config.mtu === 2044));
    const error = codeOf(() => netdev.setMtu(70000));
    assertEquals(error.code, "E_LINK_SET");
    assertEquals(error.errno, Errno.EINVAL);
  } finally {
    netdev.close();
  }
});

kernelTest(
  "TapNetdev.status() counts what had no room in the device's queue",
  () => {
    using room = new Room();
    const memory = new FakeFrames(0, 65536 + 26);
    const netdev = openTestNetdev(room, {
      memory,
      txQueueLength: 4,
    });
    try {
      addAddress(netdev.config.requests, netdev.ifindex, "10.1.0.1/24");
      netdev.setUp(true);
      netdev.setCarrier(true);
      room.settle();
      using socket = udpSocket(room.fd);
      const to = socketAddress(ip("10.1.0.2"), 6000);
      netdev.config.neighbours.setPermanent(IpAddress.ipv4(ip("10.1.0.2")));
      const before = netdev.status().queueDrops;
      for (let i = 0; i < 50; i++) {
        libc().sendto(socket.number, new Uint8Array(1), 1, 0, to, 16);
      }
      assert(room.until(() => netdev.status().queueDrops - before >= 40));
    } finally {
      netdev.close();
    }
  },
);

kernelTest("TapNetdev.status() says what the kernel does", () => {
  using room = new Room();
  const netdev = openTestNetdev(room);
  try {
    assertEquals(netdev.status(), {
      promiscuity: 0,
      allmulti: 0,
      minMtu: 68,
      maxMtu: 65521,
      queueDrops: 0,
    });
    const flags = IFF_PROMISC | IFF_ALLMULTI;
    netdev.config.requests.request(
      linkRequest(RTM_NEWLINK, netdev.ifindex, flags, flags, NLM_F_ACK),
      "E_TEST",
      "set flags",
    );
    const { promiscuity, allmulti } = netdev.status();
    assertEquals([promiscuity, allmulti], [1, 1]);
  } finally {
    netdev.close();
  }
});

kernelTest("setLinkSpeed() sets the speed that the kernel shows", () => {
  using room = new Room();
  using tap = openTap({ name: "ib0", netns: room.fd });
  using requests = new RequestSocket(room.fd);
  for (const mbps of [2500, 10_000, 103_125, 400_000]) {
    assert(setLinkSpeed(requests.fd, tap.name, mbps));
    assertEquals(shownSpeed(requests.fd, tap.name), mbps);
  }
  assertEquals(setLinkSpeed(requests.fd, "other", 10), false);
});

/** The speed in the answer to ETHTOOL_GLINKSETTINGS (struct ethtool_link_settings). */
function shownSpeed(socket: number, name: string): number {
  const settings = new Uint8Array(48 + 3 * 4 * 127);
  const view = new DataView(settings.buffer);
  const request = interfaceRequest(name);
  new DataView(request.buffer).setBigUint64(16, addressOf(settings), true);
  // The first answer says how many words the masks have.
  for (let i = 0; i < 2; i++) {
    view.setUint32(0, 0x4c, true);
    view.setInt8(15, Math.abs(view.getInt8(15)));
    assertEquals(libc().ioctl(socket, 0x8946n, request), 0);
  }
  return view.getUint32(4, true);
}
