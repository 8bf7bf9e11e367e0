/** Compares the next hop that the program writes with the kernel's choice, for each kind of IPv4 packet. */

import { assertEquals } from "@std/assert";
import { attachAtEgress } from "../../../src/netdev/next_hop_program/attach.ts";
import { withNamespace } from "../../../src/system/namespace.ts";
import { ip, udpFrame } from "../support.ts";
import {
  gateways,
  isTo,
  nextHop,
  NO_NEXT_HOP,
  programTest,
  Rig,
  RouteType,
  tunnelProgram,
} from "./support.ts";
import { LinkType, Tap } from "./tap.ts";

const { Unicast, Broadcast, Multicast } = RouteType;

programTest("without the program the Ethernet destination is zero", () => {
  using rig = new Rig();
  assertEquals(rig.destination("10.1.0.9"), NO_NEXT_HOP);
  assertEquals(rig.destination("10.5.1.1"), NO_NEXT_HOP);
});

programTest("a destination on the link has no gateway", () => {
  using rig = new Rig();
  using _program = rig.attach();
  assertEquals(rig.destination("10.1.0.9"), nextHop(Unicast));
});

programTest(
  "the program writes the gateway of a routed packet and does not change the packet",
  () => {
    using rig = new Rig();
    const sending = {
      from: 4000,
      payload: crypto.getRandomValues(new Uint8Array(900)),
    };
    const before = rig.frame("10.5.1.1", sending).packet;
    using _program = rig.attach();
    const frame = rig.frame("10.5.1.1", sending);
    assertEquals(frame.destination, "02010a010007");
    // IP identification and header checksum differ.
    assertEquals(frame.packet.subarray(12), before.subarray(12));
    assertEquals(frame.packet.subarray(28), sending.payload);
  },
);

programTest("every fragment has the gateway", () => {
  using rig = new Rig();
  using _program = rig.attach();
  const payload = new Uint8Array(5000);
  assertEquals(
    rig.frames("10.5.1.1", { payload }).map((frame) => frame.destination),
    new Array(3).fill(nextHop(Unicast, "10.1.0.7")),
  );
});

programTest(
  "a TCP segment, whose header the kernel has cloned, has the gateway",
  () => {
    using rig = new Rig();
    using _program = rig.attach();
    using _socket = rig.host.connect("10.5.1.1");
    const [frame] = rig.tap.until(isTo("10.5.1.1"));
    assertEquals(frame!.destination, nextHop(Unicast, "10.1.0.7"));
  },
);

programTest(
  "64 flows over two gateways have the gateway that the kernel chose",
  () => {
    using rig = new Rig();
    rig.host.shell("echo 1 > /proc/sys/net/ipv4/fib_multipath_hash_policy");
    rig.host.ip(
      "route add 10.6.0.0/16 nexthop via 10.1.0.7 nexthop via 10.1.0.8",
    );
    using _program = rig.attach();
    const ports = Array.from({ length: 64 }, (_, i) => 20000 + i);
    const chosen = gateways(
      rig,
      ...ports.map((port) =>
        `10.6.1.1 from 10.1.0.1 ipproto udp sport ${port} dport 9`
      ),
    );
    assertEquals(new Set(chosen), new Set(["10.1.0.7", "10.1.0.8"]));
    assertEquals(
      ports.map((from) => rig.destination("10.6.1.1", { from })),
      chosen.map((gateway) => nextHop(Unicast, gateway)),
    );
  },
);

programTest("a rule for marks selects the gateway", () => {
  using rig = new Rig();
  rig.host.ip(
    "rule add fwmark 5 table 100",
    "route add 10.5.0.0/16 via 10.1.0.8 table 100",
  );
  using _program = rig.attach();
  assertEquals(gateways(rig, "10.5.1.1", "10.5.1.1 mark 5"), [
    "10.1.0.7",
    "10.1.0.8",
  ]);
  assertEquals(rig.destination("10.5.1.1"), nextHop(Unicast, "10.1.0.7"));
  assertEquals(
    rig.destination("10.5.1.1", { mark: 5 }),
    nextHop(Unicast, "10.1.0.8"),
  );
});

programTest("a rule for the type of service selects the gateway", () => {
  using rig = new Rig();
  rig.host.ip(
    "rule add tos 0x10 table 101",
    "route add 10.5.0.0/16 via 10.1.0.9 table 101",
  );
  using _program = rig.attach();
  assertEquals(gateways(rig, "10.5.1.1", "10.5.1.1 tos 0x10"), [
    "10.1.0.7",
    "10.1.0.9",
  ]);
  assertEquals(
    rig.destination("10.5.1.1", { tos: 0x10 }),
    nextHop(Unicast, "10.1.0.9"),
  );
});

programTest("a route change changes the gateway", () => {
  using rig = new Rig();
  using _program = rig.attach();
  assertEquals(rig.destination("10.5.1.1"), nextHop(Unicast, "10.1.0.7"));
  rig.host.ip("route replace 10.5.0.0/16 via 10.1.0.8");
  assertEquals(rig.destination("10.5.1.1"), nextHop(Unicast, "10.1.0.8"));
});

programTest("broadcasts and multicasts have their route type", () => {
  using rig = new Rig();
  rig.host.ip(
    "route add 255.255.255.255 dev ib0",
    "route add 224.0.0.0/4 dev ib0",
  );
  using _program = rig.attach();
  assertEquals(rig.destination("10.1.0.255"), nextHop(Broadcast));
  assertEquals(rig.destination("255.255.255.255"), nextHop(Broadcast));
  assertEquals(rig.destination("239.1.2.3"), nextHop(Multicast));
  rig.host.ip("route add 239.0.0.0/8 via 10.1.0.7 dev ib0");
  assertEquals(rig.destination("239.1.2.3"), nextHop(Multicast, "10.1.0.7"));
});

programTest("the program does not change ARP frames", () => {
  using rig = new Rig();
  using _program = rig.attach();
  // 10.1.0.3 is not resolved.
  rig.host.send("10.1.0.3");
  const [arp] = rig.tap.until(({ type }) => type === "0806");
  assertEquals(arp!.destination, "ffffffffffff");
});

programTest("a forwarded packet has its gateway", () => {
  using rig = new Rig();
  const address = new Uint8Array([2, 0, 0, 0, 0, 9]);
  using entry = new Tap(rig.host.fd, "in0", address, LinkType.Ethernet);
  rig.host.shell("echo 1 > /proc/sys/net/ipv4/ip_forward");
  rig.host.ip("link set in0 up", "address add 10.9.0.1/24 dev in0");
  using _program = rig.attach();
  const packet = udpFrame(ip("10.9.0.2"), ip("10.5.1.1"), 9, new Uint8Array(8))
    .subarray(26);
  const frame = new Uint8Array(14 + packet.length);
  frame.set(address);
  frame.set([2, 0, 0, 0, 0, 8, 0x08, 0x00], 6);
  frame.set(packet, 14);
  entry.write(frame);
  const [forwarded] = rig.tap.until(isTo("10.5.1.1"));
  assertEquals(forwarded!.destination, nextHop(Unicast, "10.1.0.7"));
});

programTest("the program ignores tunnel metadata instead of a route", () => {
  using rig = new Rig();
  using _program = rig.attach();
  using tunnel = tunnelProgram();
  using _before = withNamespace(
    rig.host.fd,
    () => attachAtEgress(tunnel, rig.ifindex),
  );
  assertEquals(rig.destination("10.5.1.1"), NO_NEXT_HOP);
});
