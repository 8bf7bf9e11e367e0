import { assert, assertEquals } from "@std/assert";
import type { Route } from "../../src/netdev/net_config.ts";
import { lookupRoutes } from "../../src/netdev/rtnetlink/route_legs.ts";
import type { RouteFlow } from "../../src/netdev/rtnetlink/route_flow.ts";
import { TestNamespace } from "./support.ts";
import { configure, ipTest, setKernel, Tap } from "./tap_support.ts";
import { ipAddress } from "../wire/support.ts";

const OWN = "10.0.0.1";
const BASE = `
  address add 10.0.0.1/24 dev ib0
  address add 10.1.0.1/24 dev ib1
  address add fd00::1/64 dev ib0 nodad
  address add fd01::1/64 dev ib1 nodad
  address add fe80::1/64 dev ib0 nodad
`;

type FlowOptions =
  & { readonly from?: string }
  & Omit<RouteFlow, "source" | "destination">;

/** A namespace with two interfaces. Lookups are for routes through ib0 by default. */
class Scene implements Disposable {
  readonly netns = new TestNamespace();
  readonly ib0: Tap;
  readonly ib1: Tap;

  constructor(lines: string) {
    configure(this.netns, "link set lo up");
    this.ib0 = new Tap(this.netns, "ib0");
    this.ib1 = new Tap(this.netns, "ib1");
    configure(this.netns, BASE + lines);
  }

  route(
    destination: string,
    { from, ...rest }: FlowOptions = {},
    { requests, ifindex } = this.ib0,
  ): Route {
    return lookupRoutes(requests, ifindex, {
      destination: ipAddress(destination),
      ...(from === undefined ? {} : { source: ipAddress(from) }),
      ...rest,
    });
  }

  /** Returns the legs of a unicast route, such as `10.0.0.7*3 10.0.0.8*1`, or the type of another route. */
  legs(destination: string, options: FlowOptions = {}, tap = this.ib0): string {
    const route = this.route(destination, options, tap);
    return route.type === "unicast"
      ? route.legs.map(({ nextHop, weight }) => `${nextHop}*${weight}`).join(
        " ",
      )
      : route.type;
  }

  [Symbol.dispose](): void {
    this.ib0[Symbol.dispose]();
    this.ib1[Symbol.dispose]();
    this.netns[Symbol.dispose]();
  }
}

ipTest(
  "lookupRoutes(): on the link, through a gateway, and non-unicast routes",
  () => {
    using scene = new Scene(`
    route add 10.20.0.0/16 via 10.0.0.2
    route add 10.21.0.0/16 via 10.1.0.2
    route add 10.22.0.0/16 via 9.9.9.9 dev ib0 onlink
    address add 10.30.0.1 peer 10.30.0.2 dev ib0
    route add blackhole 10.23.0.0/16
    route add default via 10.0.0.3
    -6 route add 2001:db8:1::/48 via fd00::2
    -6 route add 2001:db8:2::/48 via fd01::2
    -6 route add default via fe80::3 dev ib0
  `);
    assertEquals(scene.route("10.0.0.9"), {
      type: "unicast",
      legs: [{ nextHop: ipAddress("10.0.0.9"), weight: 1 }],
    });
    assertEquals(scene.legs("10.20.1.1"), "10.0.0.2*1");
    assertEquals(scene.legs("10.20.1.1", { from: OWN }), "10.0.0.2*1");
    assertEquals(scene.legs("10.22.1.1"), "9.9.9.9*1");
    assertEquals(scene.legs("10.30.0.2"), "10.30.0.2*1");
    assertEquals(scene.legs("8.8.8.8"), "10.0.0.3*1");
    assertEquals(scene.legs("10.0.0.255"), "broadcast");
    assertEquals(scene.legs("255.255.255.255"), "broadcast");
    assertEquals(scene.legs("239.1.1.1"), "multicast");
    assertEquals(scene.legs("ff02::1"), "multicast");
    assertEquals(scene.legs(OWN), "none");
    assertEquals(scene.legs("fd00::1"), "none");
    assertEquals(scene.legs("fd00::9"), "fd00::9*1");
    assertEquals(scene.legs("fe80::9"), "fe80::9*1");
    assertEquals(scene.legs("2001:db8:1::1", { from: "fd00::1" }), "fd00::2*1");
    assertEquals(scene.legs("2001:db8:9::1", { from: "::" }), "fe80::3*1");
  },
);

ipTest(
  "lookupRoutes(): a packet of a socket bound to the interface",
  () => {
    using scene = new Scene(`
    route add 10.21.0.0/16 via 10.1.0.2
    route add default via 10.1.0.3 metric 1
    route add default via 10.0.0.3 metric 2
    route add 10.24.0.0/16 via 10.1.0.2 metric 1
    route add 10.24.0.0/16 metric 2 nexthop via 10.0.0.7 nexthop via 10.0.0.8
  `);
    // The next route through the interface, else the destination is on the link.
    assertEquals(scene.legs("8.8.8.8"), "10.0.0.3*1");
    assertEquals(scene.legs("10.21.1.1"), "10.0.0.3*1");
    assertEquals(scene.legs("10.24.1.1"), "10.0.0.7*1", "the first leg");
    configure(scene.netns, "route del default metric 2");
    assertEquals(scene.legs("8.8.8.8"), "8.8.8.8*1");
    // An interface that is down, and a missing interface.
    configure(scene.netns, "link set ib0 down");
    assertEquals(scene.legs("8.8.8.8"), "none");
    assertEquals(
      lookupRoutes(scene.ib0.requests, 9999, { destination: ipAddress(OWN) }),
      { type: "none" },
    );
  },
);

const LEGS = "10.0.0.7*3 10.0.0.8*1";

ipTest(
  "lookupRoutes(): the legs of a multipath route through the interface",
  () => {
    using scene = new Scene(`
    route add 10.5.0.0/16 nexthop via 10.0.0.8 dev ib0 nexthop via 10.0.0.7 dev ib0 weight 3 nexthop via 10.1.0.8 dev ib1 weight 2
    route add 10.6.0.0/16 nexthop dev ib0 nexthop via 10.0.0.7 dev ib0 weight 2
    -6 route add 2001:db8:5::/48 nexthop via fd00::7 dev ib0 weight 3 nexthop via fd00::8 dev ib0 nexthop via fd01::8 dev ib1
  `);
    for (const options of [{}, { from: OWN }, { from: "10.1.0.1" }]) {
      assertEquals(scene.legs("10.5.1.1", options), LEGS);
    }
    assertEquals(scene.legs("10.6.1.1"), "10.0.0.7*2 10.6.1.1*1");
    for (let i = 0; i < 8; i++) {
      // The kernel returns the leg of its choice first.
      assertEquals(
        scene.legs(`2001:db8:5::${i}`, { protocol: 6, sourcePort: i }),
        "fd00::7*3 fd00::8*1",
      );
    }
  },
);

ipTest(
  "lookupRoutes(): nexthop objects, with and without compatibility mode",
  () => {
    using scene = new Scene(`
    nexthop add id 1 via 10.0.0.7 dev ib0
    nexthop add id 2 via 10.0.0.8 dev ib0
    nexthop add id 3 via 10.1.0.8 dev ib1
    nexthop add id 4 via fe80::9 dev ib0
    nexthop add id 5 dev ib0
    nexthop add id 10 group 1,3/2/3,2
    nexthop add id 11 group 1/4,256
    nexthop add id 20 blackhole
    route add 10.6.0.0/16 nhid 10
    route add 10.7.0.0/16 nhid 4
    route add 10.8.0.0/16 nhid 1
    route add 10.9.0.0/16 nhid 11
    route add 10.10.0.0/16 nhid 5
    route add 10.11.0.0/16 nhid 3
    nexthop add id 30 via fd00::7 dev ib0
    nexthop add id 31 via fd00::8 dev ib0
    nexthop add id 32 group 30,3/31
    -6 route add 2001:db8:5::/48 nhid 32
  `);
    for (const compatibility of [1, 0]) {
      setKernel(scene.netns, "ipv4/nexthop_compat_mode", compatibility);
      const text = `nexthop_compat_mode ${compatibility}`;
      assertEquals(scene.legs("10.6.1.1"), LEGS, text);
      assertEquals(scene.legs("10.7.1.1"), "fe80::9*1", text);
      assertEquals(scene.legs("10.8.1.1"), "10.0.0.7*1", text);
      assertEquals(scene.legs("10.9.1.1"), "fe80::9*256 10.0.0.7*1", text);
      assertEquals(scene.legs("10.10.1.1"), "10.10.1.1*1", text);
      // A packet of a socket bound to ib0.
      assertEquals(scene.legs("10.11.1.1"), "10.11.1.1*1", text);
      assertEquals(scene.legs("2001:db8:5::1"), "fd00::7*3 fd00::8*1", text);
    }
  },
);

ipTest("lookupRoutes(): IPv6 gateways of IPv4 routes", () => {
  using scene = new Scene(`
    route add 10.11.0.0/16 via inet6 fe80::5 dev ib0
    route add 10.12.0.0/16 nexthop via inet6 fe80::5 dev ib0 nexthop via 10.0.0.3 dev ib0 weight 5
  `);
  assertEquals(scene.legs("10.11.1.1"), "fe80::5*1");
  assertEquals(scene.legs("10.12.1.1"), "fe80::5*1 10.0.0.3*5");
});

ipTest("lookupRoutes(): dead legs are excluded", () => {
  using scene = new Scene(`
    route add 10.5.0.0/16 nexthop via 10.0.0.7 dev ib0 nexthop via 10.1.0.8 dev ib1
  `);
  const { netns, ib1 } = scene;
  const legs = () => scene.legs("10.5.1.1", {}, ib1);
  assertEquals(legs(), "10.1.0.8*1");
  setKernel(netns, "ipv4/conf/ib1/ignore_routes_with_linkdown", 1);
  ib1.setCarrier(false);
  // The kernel detects the loss of carrier within a second. Then only bound sockets can send through the interface.
  assert(netns.until(() => legs() === "10.5.1.1*1"));
  assertEquals(scene.legs("10.5.1.1"), "10.0.0.7*1");
  setKernel(netns, "ipv4/conf/ib1/ignore_routes_with_linkdown", 0);
  assertEquals(legs(), "10.1.0.8*1", "the kernel uses the leg again");
});

ipTest("lookupRoutes(): rules for TOS, source, protocol and ports", () => {
  using scene = new Scene(`
    route add default via 10.0.0.2
    rule add tos 0x10 table 100
    route add default via 10.0.0.100 table 100
    rule add from 10.0.0.1 to 99.0.0.0/8 table 101
    route add default via 10.0.0.101 table 101
    rule add ipproto tcp dport 80 table 102
    route add default via 10.0.0.102 table 102
    rule add ipproto udp sport 5000-6000 table 103
    route add default table 103 nexthop via 10.0.0.7 weight 3 nexthop via 10.0.0.8
    rule add ipproto icmp table 104
    route add default via 10.0.0.104 table 104
    route add 10.20.0.0/16 tos 0x08 via 10.0.0.120
    -6 route add default via fe80::2 dev ib0
    -6 rule add tos 0x10 table 100
    -6 route add default via fe80::100 dev ib0 table 100
    -6 rule add ipproto tcp dport 80 table 102
    -6 route add default via fe80::102 dev ib0 table 102
  `);
  const legs = (options: FlowOptions) => scene.legs("8.8.8.8", options);
  assertEquals(legs({}), "10.0.0.2*1");
  assertEquals(legs({ tos: 0x10 }), "10.0.0.100*1");
  // Rules ignore the ECN bits.
  assertEquals(legs({ tos: 0x12 }), "10.0.0.100*1");
  assertEquals(scene.legs("99.1.1.1", { from: OWN }), "10.0.0.101*1");
  assertEquals(scene.legs("99.1.1.1"), "10.0.0.2*1");
  const ports = { sourcePort: 5500, destinationPort: 80 };
  assertEquals(legs({ protocol: 6, ...ports }), "10.0.0.102*1");
  assertEquals(legs({ protocol: 17, ...ports }), LEGS);
  assertEquals(legs({ protocol: 17, ...ports, sourcePort: 1 }), "10.0.0.2*1");
  assertEquals(legs({ protocol: 1 }), "10.0.0.104*1");
  assertEquals(legs({ protocol: 132, ...ports }), "10.0.0.2*1");
  assertEquals(scene.legs("10.20.1.1", { tos: 8 }), "10.0.0.120*1");
  const legs6 = (options: FlowOptions) => scene.legs("2001:db8::1", options);
  assertEquals(legs6({}), "fe80::2*1");
  assertEquals(legs6({ tos: 0x10 }), "fe80::100*1");
  assertEquals(legs6({ protocol: 6, ...ports }), "fe80::102*1");
});

ipTest(
  "lookupRoutes(): the input interface is that of the route back to a forwarded source",
  () => {
    using scene = new Scene(`
    route add default via 10.0.0.2
    route add 172.16.0.0/16 via 10.1.0.2
    rule add from 172.16.0.0/17 to 88.0.0.0/8 table 104
    route add default via 10.0.0.104 table 104
    rule add iif ib1 to 77.0.0.0/8 table 105
    route add default via 10.0.0.105 table 105
    rule add iif ib1 to 78.0.0.0/8 table 106
    route add default table 106 nexthop via 10.0.0.7 weight 3 nexthop via 10.0.0.8
    -6 route add default via fe80::2 dev ib0
    -6 route add 2001:db8:77::/48 via fd01::2
    -6 rule add iif ib1 to 2001:db8:88::/48 table 104
    -6 route add default via fe80::104 dev ib0 table 104
  `);
    const forwarded = { from: "172.16.0.5" };
    const stranger = { from: "192.0.2.5" };
    for (const forwarding of [1, 0]) {
      setKernel(scene.netns, "ipv4/ip_forward", forwarding);
      // With ip_forward 0, forwarding is enabled on ib1 only.
      setKernel(scene.netns, "ipv4/conf/ib1/forwarding", 1);
      assertEquals(scene.legs("8.8.8.8", forwarded), "10.0.0.2*1");
      assertEquals(scene.legs("88.1.1.1", forwarded), "10.0.0.104*1");
      assertEquals(scene.legs("77.1.1.1", forwarded), "10.0.0.105*1");
      assertEquals(scene.legs("78.1.1.1", forwarded), LEGS);
      assertEquals(scene.legs("77.1.1.1", stranger), "10.0.0.2*1");
    }
    // The rule matches packets received on ib1, not packets of this host.
    assertEquals(scene.legs("77.1.1.1", { from: OWN }), "10.0.0.2*1");
    const to6 = "2001:db8:88::1";
    assertEquals(scene.legs(to6, { from: "2001:db8:77::1" }), "fe80::104*1");
    assertEquals(scene.legs(to6, { from: "fd00::1" }), "fe80::2*1");
  },
);

ipTest(
  "lookupRoutes(): the source is omitted if the kernel does not accept it",
  () => {
    using scene = new Scene(`
    route add default via 10.0.0.2
    rule add from 172.16.0.0/17 table 104
    route add default via 10.0.0.104 table 104
  `);
    // Without forwarding the kernel refuses the source.
    setKernel(scene.netns, "ipv4/ip_forward", 0);
    assertEquals(scene.legs("8.8.8.8", { from: "172.16.0.5" }), "10.0.0.2*1");
    assertEquals(scene.legs("8.8.8.8", { from: "224.0.0.5" }), "10.0.0.2*1");
  },
);
