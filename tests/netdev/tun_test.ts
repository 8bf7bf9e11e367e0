import {
  assert,
  assertEquals,
  assertGreater,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { addressOf, libc } from "../../ffi/libc.ts";
import { IpoibError } from "../../src/base/errors.ts";
import { Errno } from "../../src/system/errno.ts";
import { openNetdev } from "../../src/netdev/open.ts";
import { findLink, getLink } from "../../src/netdev/rtnetlink/link.ts";
import { addAddress, setLinkUp } from "../../src/netdev/rtnetlink/set.ts";
import { RequestSocket } from "../../src/netdev/rtnetlink/socket.ts";
import { checkName } from "../../src/netdev/tun/name.ts";
import { openTun } from "../../src/netdev/tun/open.ts";
import {
  ip,
  kernelTest,
  Room,
  socketAddress,
  udpFrame,
  udpSocket,
} from "./support.ts";

/** Attributes of a TUN's link data (linux/if_link.h). */
const IFLA_TUN_TYPE = 3;
const IFLA_TUN_PI = 4;
const IFLA_TUN_VNET_HDR = 5;
const IFLA_TUN_PERSIST = 6;

function codeOf(fn: () => unknown): IpoibError {
  return assertThrows(fn, IpoibError);
}

kernelTest("openTun() makes a TUN of link type InfiniBand", () => {
  using room = new Room();
  using tun = openTun({ name: "ib0", netns: room.fd });
  using requests = new RequestSocket(room.fd);
  const link = getLink(requests, tun.ifindex)!;
  assertEquals(link.name, "ib0");
  assertEquals(link.type, 32);
  assertEquals(link.kind, "tun");
  assertEquals(link.kindData!.u8(IFLA_TUN_TYPE), 1);
  assertEquals(link.kindData!.u8(IFLA_TUN_PI), 0);
  assertEquals(link.kindData!.u8(IFLA_TUN_VNET_HDR), 1);
  assertEquals(link.kindData!.u8(IFLA_TUN_PERSIST), 0);
  assertEquals(link.up, false);
  assertEquals(link.carrier, false);
  // POINTOPOINT, NOARP, MULTICAST.
  assertEquals(link.flags & 0x1090, 0x1090);
  assertEquals(tun.vnetHeaderLength(), 12);
  assertEquals(findLink(requests, "ib0")!.ifindex, tun.ifindex);
});

kernelTest("openTun() turns on offloads that the kernel has", () => {
  using room = new Room();
  using tun = openTun({ name: "ib0", netns: room.fd });
  assertEquals(tun.offload & 0x07, 0x07);
  using plain = openTun({ name: "ib1", netns: room.fd, offload: 0 });
  assertEquals(plain.offload, 0);
  using checksum = openTun({ name: "ib2", netns: room.fd, offload: 0x01 });
  assertEquals(checksum.offload, 0x01);
  assert(!checksum.setOffload(0x02), "TSO4 without CSUM is refused");
  assertEquals(checksum.offload, 0x01);
});

kernelTest("openTun() picks the next free number for %d", () => {
  using room = new Room();
  using first = openTun({ name: "ib%d", netns: room.fd });
  using second = openTun({ name: "ib%d", netns: room.fd });
  assertEquals([first.name, second.name], ["ib0", "ib1"]);
});

kernelTest("openTun() refuses a name that is taken", () => {
  using room = new Room();
  using _tun = openTun({ name: "ib0", netns: room.fd });
  for (const name of ["ib0", "lo"]) {
    const error = codeOf(() => openTun({ name, netns: room.fd }));
    assertEquals(error.code, "E_NAME_TAKEN");
    assertEquals(error.errno, Errno.EEXIST);
    assertStringIncludes(error.message, "taken");
  }
  using other = new Room();
  openTun({ name: "ib0", netns: other.fd }).close();
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

/** What openTun() throws in a process that `prefix` starts. */
async function errorUnder(...prefix: string[]): Promise<IpoibError> {
  const url = new URL("../../src/netdev/tun/open.ts", import.meta.url).href;
  const path = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(
    path,
    `import { openTun } from ${JSON.stringify(url)};
    try { openTun({ name: "ibtest0" }); }
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

kernelTest("openTun() says so without CAP_NET_ADMIN", async () => {
  const error = await errorUnder("setpriv", "--bounding-set=-net_admin");
  assertEquals([error.code, error.errno], ["E_PRIVILEGE", Errno.EPERM]);
  assertStringIncludes(error.hint!, "CAP_NET_ADMIN");
});

kernelTest("openTun() says so without /dev/net/tun", async () => {
  const error = await errorUnder(
    "unshare",
    "--mount",
    "sh",
    "-c",
    'mount -t tmpfs none /dev/net && exec "$@"',
    "sh",
  );
  assertEquals([error.code, error.errno], ["E_TUN_MISSING", Errno.ENOENT]);
  assertStringIncludes(error.message, "/dev/net/tun");
  assertStringIncludes(error.hint!, "modprobe tun");
});

kernelTest("Tun.setCarrier() moves the carrier", () => {
  using room = new Room();
  using tun = openTun({ name: "ib0", netns: room.fd });
  using requests = new RequestSocket(room.fd);
  setLinkUp(requests, tun.ifindex, true);
  const running = () => getLink(requests, tun.ifindex)!.running;
  assertEquals(running(), false);
  tun.setCarrier(true);
  assertEquals(running(), true);
  tun.setCarrier(false);
  assertEquals(running(), false);
});

kernelTest("TunNetdev passes frames both ways", () => {
  using room = new Room();
  const netdev = openNetdev(room.reactor, { name: "ib0", netns: room.fd });
  const buffer = new Uint8Array(65536 + 12);
  const address = addressOf(buffer);
  try {
    const frame = udpFrame(
      ip("10.1.0.2"),
      ip("10.1.0.1"),
      5000,
      new TextEncoder().encode("hello"),
    );
    assertEquals(netdev.writeBytes(frame), -Errno.EIO);
    addAddress(netdev.config.requests, netdev.ifindex, {
      address: ip("10.1.0.1"),
      prefixLength: 24,
    });
    netdev.setUp(true);
    netdev.setCarrier(true);
    assert(room.until(() => netdev.config.up));
    using socket = udpSocket(room.fd);
    const own = socketAddress(ip("10.1.0.1"), 5000);
    assertEquals(libc().bind(socket.number, own, 16), 0);

    // Into the kernel, from an address and from a buffer.
    buffer.set(frame);
    assertEquals(netdev.write(address, frame.length), frame.length);
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
    const sent = libc().sendto(
      socket.number,
      new Uint8Array([1, 2, 3]),
      3,
      0,
      peer,
      16,
    );
    assertEquals(sent, 3);
    let length = 0;
    netdev.onReadable = () => {
      for (;;) {
        const read = netdev.read(address, buffer.length);
        if (read === 0) return;
        // What is not ours: IGMP reports, router solicitations.
        if (read > 0 && buffer[12] === 0x45 && buffer[12 + 9] === 17) {
          length = read;
        }
      }
    };
    assert(room.until(() => length > 0));
    assertEquals(length, 12 + 28 + 3);
    assertEquals([...buffer.subarray(40, 43)], [1, 2, 3]);
    // NEEDS_CSUM: the checksum begins at the UDP header, its field 6 further.
    assertEquals(buffer[0]! & 1, 1);
    assertEquals(buffer[6]! | buffer[7]! << 8, 20);
    assertEquals(buffer[8]! | buffer[9]! << 8, 6);
    assertEquals(netdev.read(address, buffer.length), 0);
  } finally {
    netdev.close();
  }
});

kernelTest("TunNetdev.pause() stops reports until resumed", () => {
  using room = new Room();
  const netdev = openNetdev(room.reactor, { name: "ib0", netns: room.fd });
  try {
    let calls = 0;
    netdev.onReadable = () => calls++;
    netdev.pause(true);
    addAddress(netdev.config.requests, netdev.ifindex, {
      address: ip("10.1.0.1"),
      prefixLength: 24,
    });
    netdev.setUp(true);
    netdev.setCarrier(true);
    // The kernel starts the queue a little after the carrier.
    room.settle();
    using socket = udpSocket(room.fd);
    libc().sendto(
      socket.number,
      new Uint8Array(1),
      1,
      0,
      socketAddress(ip("10.1.0.2"), 6000),
      16,
    );
    room.settle();
    assertEquals(calls, 0);
    netdev.pause(false);
    room.reactor.turn(100);
    assertGreater(calls, 0);
  } finally {
    netdev.close();
  }
});

kernelTest("TunNetdev.setMtu() sets the MTU and refuses a bad one", () => {
  using room = new Room();
  const netdev = openNetdev(room.reactor, {
    name: "ib0",
    netns: room.fd,
    txQueueLength: 256,
  });
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
  "TunNetdev.queueDrops() counts what had no room in the device's queue",
  () => {
    using room = new Room();
    const netdev = openNetdev(room.reactor, {
      name: "ib0",
      netns: room.fd,
      txQueueLength: 4,
    });
    try {
      netdev.pause(true);
      addAddress(netdev.config.requests, netdev.ifindex, {
        address: ip("10.1.0.1"),
        prefixLength: 24,
      });
      netdev.setUp(true);
      netdev.setCarrier(true);
      room.settle();
      using socket = udpSocket(room.fd);
      const to = socketAddress(ip("10.1.0.2"), 6000);
      const before = netdev.queueDrops();
      for (let i = 0; i < 50; i++) {
        libc().sendto(socket.number, new Uint8Array(1), 1, 0, to, 16);
      }
      assert(room.until(() => netdev.queueDrops() - before >= 40));
    } finally {
      netdev.close();
    }
  },
);
