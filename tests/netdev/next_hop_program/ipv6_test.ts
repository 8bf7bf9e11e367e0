/** Compares the IPv6 next hop that the program writes with the kernel's choice. */

import { assertEquals } from "@std/assert";
import { attachAtEgress } from "../../../src/netdev/next_hop_program/attach.ts";
import type { NextHopProgram } from "../../../src/netdev/next_hop_program/next_hop_program.ts";
import { withNamespace } from "../../../src/system/namespace.ts";
import { IpAddress } from "../../../src/wire/ip_address.ts";
import {
  GATEWAY_PREFIXES,
  NextHopField,
} from "../../../src/wire/kernel_next_hop.ts";
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
import { type Frame, LinkType, Tap } from "./tap.ts";
import type { Sending } from "./test_host.ts";

const ON_LINK = nextHop(RouteType.Unicast);
const TARGET = "fd00:5::1";
const ROUTE = "route add fd00:5::/64 via fe80::7 dev ib0";
const SEVEN = canonical("fe80::7");

function canonical(address: string): string {
  return String(IpAddress.parse(address)!);
}

/** A rig with IPv6, the program, and the neighbours fe80::7 to fe80::9 and fd00:1::7 to fd00:1::9. */
class Rig6 extends Rig {
  readonly program: NextHopProgram;

  constructor() {
    super();
    this.host.ip(
      "address add fe80::1/64 dev ib0 nodad",
      "address add fd00:1::1/64 dev ib0 nodad",
      ...[7, 8, 9].flatMap((i) => [
        `neighbour add fe80::${i} dev ib0 nud permanent`,
        `neighbour add fd00:1::${i} dev ib0 nud permanent`,
      ]),
    );
    this.program = this.attach();
  }

  /** Returns the number of the prefix and the gateway in a frame, or the Ethernet destination if it has none. */
  gatewayOf({ header, destination }: Frame): [number, string] | string {
    if (header.getUint16(0) !== 0x0601) return destination;
    const number = header.getUint8(NextHopField.Prefix);
    const { prefixes } = this.program;
    assertEquals(prefixes.has(number), true);
    const address = new IpAddress(
      prefixes.high(number),
      prefixes.low(number),
      header.getInt32(NextHopField.Interface),
      header.getInt32(NextHopField.Interface + 4),
    );
    return [number, String(address)];
  }

  /** Sends a datagram and returns the prefix's number and the gateway of its first frame. */
  sent(to = TARGET, sending?: Sending): [number, string] | string {
    return this.gatewayOf(this.frame(to, sending));
  }

  override [Symbol.dispose](): void {
    this.program.close();
    super[Symbol.dispose]();
  }
}

/** Adds routes to fd00:8::N via fd00:2:0:N::7 for each hexadecimal number N. */
function addGateways(rig: Rig6, numbers: readonly string[]): void {
  rig.host.ip(
    ...numbers.flatMap((number) => [
      `address add fd00:2:0:${number}::1/64 dev ib0 nodad`,
      `neighbour add fd00:2:0:${number}::7 dev ib0 nud permanent`,
      `route add fd00:8::${number} via fd00:2:0:${number}::7`,
    ]),
  );
}

programTest("an IPv6 destination on the link has no gateway", () => {
  using rig = new Rig6();
  assertEquals(rig.sent("fd00:1::9"), ON_LINK);
});

programTest("IPv6 gateways are written with the number of their prefix", () => {
  using rig = new Rig6();
  rig.host.ip(
    "route add fd00:5::/64 via fe80::7 dev ib0",
    "route add fd00:6::/64 via fd00:1::8",
    "route add fd00:7::/64 via fe80::9 dev ib0",
  );
  assertEquals(rig.sent(), [0, SEVEN]);
  assertEquals(rig.sent("fd00:6::1"), [1, canonical("fd00:1::8")]);
  assertEquals(rig.sent("fd00:7::1"), [0, canonical("fe80::9")]);
});

programTest(
  "an IPv6 packet is not changed, and every fragment has the gateway",
  () => {
    using rig = new Rig6();
    rig.host.ip(ROUTE);
    const payload = crypto.getRandomValues(new Uint8Array(900));
    assertEquals(rig.frame(TARGET, { payload }).packet.subarray(48), payload);
    const frames = rig.frames(TARGET, { payload: new Uint8Array(5000) });
    assertEquals(
      frames.map((frame) => rig.gatewayOf(frame)),
      new Array(3).fill([0, SEVEN]),
    );
  },
);

programTest("a TCP segment over IPv6 has the gateway", () => {
  using rig = new Rig6();
  rig.host.ip(ROUTE);
  using _socket = rig.host.connect(TARGET);
  const [frame] = rig.tap.until(isTo(TARGET));
  assertEquals(rig.gatewayOf(frame!), [0, SEVEN]);
});

for (
  const [kind, lines] of [
    ["legs", [
      "route add fd00:6::/64 nexthop via fd00:1::7 weight 1" +
      " nexthop via fd00:1::8 weight 3",
    ]],
    ["a group of nexthop objects", [
      "nexthop add id 1 via fd00:1::7 dev ib0",
      "nexthop add id 2 via fd00:1::8 dev ib0",
      "nexthop add id 3 group 1,1/2,3",
      "route add fd00:6::/64 nhid 3",
    ]],
  ] as const
) {
  programTest(
    `64 IPv6 flows over a route with ${kind} have the gateways that the kernel chose`,
    () => {
      using rig = new Rig6();
      rig.host.shell("echo 1 > /proc/sys/net/ipv6/fib_multipath_hash_policy");
      rig.host.ip(...lines);
      const ports = Array.from({ length: 64 }, (_, i) => 20000 + i);
      const chosen = gateways(
        rig,
        ...ports.map((port) =>
          `fd00:6::1 from fd00:1::1 ipproto udp sport ${port} dport 9`
        ),
      );
      assertEquals(new Set(chosen), new Set(["fd00:1::7", "fd00:1::8"]));
      assertEquals(
        ports.map((from) => rig.sent("fd00:6::1", { from })),
        chosen.map((gateway): [number, string] => [0, canonical(gateway)]),
      );
    },
  );
}

programTest(
  "IPv6 rules by mark, traffic class and port select the gateway",
  () => {
    using rig = new Rig6();
    rig.host.ip(
      ROUTE,
      `route add ${TARGET} via fd00:1::8 table 100`,
      `route add ${TARGET} via fe80::9 dev ib0 table 101`,
    );
    rig.host.shell(
      "ip -6 rule add fwmark 5 table 100; ip -6 rule add tos 0x10 table 101;" +
        "ip -6 rule add ipproto udp dport 53 table 100",
    );
    const eight = canonical("fd00:1::8");
    assertEquals(rig.sent(), [0, SEVEN]);
    assertEquals(rig.sent(TARGET, { mark: 5 }), [1, eight]);
    assertEquals(rig.sent(TARGET, { tos: 0x10 }), [0, canonical("fe80::9")]);
    assertEquals(rig.sent(TARGET, { port: 53 }), [1, eight]);
  },
);

programTest("a change of an IPv6 route changes the gateway", () => {
  using rig = new Rig6();
  rig.host.ip(ROUTE);
  assertEquals(rig.sent(), [0, SEVEN]);
  rig.host.ip("route replace fd00:5::/64 via fe80::8 dev ib0");
  assertEquals(rig.sent(), [0, canonical("fe80::8")]);
});

programTest(
  "gateways of different prefixes with the same low bytes differ",
  () => {
    using rig = new Rig6();
    rig.host.ip(ROUTE, "route add fd00:6::/64 via fd00:1::7");
    for (let round = 0; round < 2; round++) {
      assertEquals(rig.sent(), [0, SEVEN]);
      assertEquals(rig.sent("fd00:6::1"), [1, canonical("fd00:1::7")]);
    }
  },
);

programTest(
  "two processors that add prefixes at once give each prefix one number",
  () => {
    using rig = new Rig6();
    const numbers = Array.from({ length: 48 }, (_, i) => (i + 1).toString(16));
    addGateways(rig, numbers);
    const sender = (order: string[]) =>
      `for i in ${order.join(" ")}; do echo > /dev/udp/fd00:8::$i/9; done`;
    rig.host.shell(
      `bash -ec '${sender(numbers)}' & bash -ec '${
        sender(numbers.toReversed())
      }' & wait`,
    );
    const frames = rig.tap.read().filter(({ type }) => type === "86dd");
    const used = new Map<string, Set<number>>();
    for (const number of numbers) {
      const found = frames.filter(isTo(`fd00:8::${number}`));
      assertEquals(found.length, 2);
      for (const frame of found) {
        const [at, gateway] = rig.gatewayOf(frame) as [number, string];
        assertEquals(gateway, canonical(`fd00:2:0:${number}::7`));
        used.set(gateway, (used.get(gateway) ?? new Set()).add(at));
      }
    }
    assertEquals(
      [...used.values()].map(({ size }) => size),
      numbers.map(() => 1),
    );
  },
);

programTest(
  "when the table of prefixes is full, frames of further gateways are unchanged",
  () => {
    using rig = new Rig6();
    const count = GATEWAY_PREFIXES + 2;
    const number = (i: number) => i.toString(16);
    addGateways(rig, Array.from({ length: count }, (_, i) => number(i)));
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < count; i++) {
        assertEquals(
          rig.sent(`fd00:8::${number(i)}`),
          i < GATEWAY_PREFIXES
            ? [i, canonical(`fd00:2:0:${number(i)}::7`)]
            : NO_NEXT_HOP,
        );
      }
    }
  },
);

programTest("a gateway whose high bytes are zero is not written", () => {
  using rig = new Rig6();
  rig.host.ip(
    "address add ::a:1/112 dev ib0 nodad",
    "neighbour add ::a:7 dev ib0 nud permanent",
    "route add fd00:9::/64 via ::a:7",
  );
  assertEquals(rig.sent("fd00:9::1"), NO_NEXT_HOP);
  assertEquals(rig.program.prefixes.has(0), false);
});

programTest("IPv4 packets have their IPv6 gateway and their route type", () => {
  using rig = new Rig6();
  rig.host.ip(
    "route add 10.7.0.0/16 via inet6 fe80::7 dev ib0",
    "route add 10.8.0.0/16 via inet6 fd00:1::8 dev ib0",
    "route add 239.0.0.0/8 via inet6 fe80::9 dev ib0",
  );
  assertEquals(rig.sent("10.7.1.1"), [0, SEVEN]);
  assertEquals(rig.sent("10.8.1.1"), [1, canonical("fd00:1::8")]);
  assertEquals(rig.sent("10.5.1.1"), nextHop(RouteType.Unicast, "10.1.0.7"));
  const { header } = rig.frame("239.1.2.3");
  assertEquals(header.getUint16(0), 0x0605);
});

programTest("a forwarded IPv6 packet has its gateway", () => {
  using rig = new Rig6();
  const address = new Uint8Array([2, 0, 0, 0, 0, 9]);
  using entry = new Tap(rig.host.fd, "in0", address, LinkType.Ethernet);
  rig.host.shell("echo 1 > /proc/sys/net/ipv6/conf/all/forwarding");
  rig.host.ip(
    ROUTE,
    "link set in0 up",
    "address add fd00:9::1/64 dev in0 nodad",
    `route add ${TARGET} via fe80::9 dev ib0 table 100`,
  );
  rig.host.shell("ip -6 rule add iif in0 table 100");
  const packet = new Uint8Array(14 + 48);
  packet.set(address);
  packet.set([2, 0, 0, 0, 0, 8, 0x86, 0xdd], 6);
  packet.set([0x60, 0, 0, 0, 0, 8, 17, 64], 14);
  packet.set(IpAddress.parse("fd00:9::2")!.bytes(), 22);
  packet.set(IpAddress.parse(TARGET)!.bytes(), 38);
  packet.set([1, 0, 0, 9, 0, 8, 0, 1], 54);
  entry.write(packet);
  const [forwarded] = rig.tap.until(isTo(TARGET));
  assertEquals(rig.gatewayOf(forwarded!), [0, canonical("fe80::9")]);
});

programTest("the program ignores tunnel metadata of an IPv6 frame", () => {
  using rig = new Rig6();
  rig.host.ip(ROUTE);
  using tunnel = tunnelProgram();
  using _before = withNamespace(
    rig.host.fd,
    () => attachAtEgress(tunnel, rig.ifindex),
  );
  assertEquals(rig.sent(), NO_NEXT_HOP);
});
