/** Next hops: routes with one and several legs, cached by flow until the configuration changes. */

import { assert, assertEquals } from "@std/assert";
import type { Flow, RouteLeg } from "../../src/netdev/net_config.ts";
import { IpAddress } from "../../src/wire/ip_address.ts";
import { VNET_HEADER_LENGTH } from "../../src/wire/vnet.ts";
import { hex, viewOf } from "../wire/support.ts";
import { type Host, ip, ipv4Frame, Rig } from "./rig.ts";
import { flushNeighbours } from "../../src/ipoib/neighbour/user_changes.ts";

const ROUTED = "192.168.7.7";
const FLOWS = 64;
const REPEATS = 3;

/** Creates a host, gateways 10.0.0.2, 10.0.0.3 ..., and a route through them with these weights. */
function routed(weights: number[]): { rig: Rig; a: Host; gateways: Host[] } {
  const rig = new Rig();
  const [a, ...gateways] = Array.from(
    { length: weights.length + 1 },
    (_, i) => rig.host({ address: `10.0.0.${i + 1}` }),
  );
  const legs: RouteLeg[] = weights.map((weight, i) => ({
    nextHop: IpAddress.ipv4(ip(`10.0.0.${i + 2}`)),
    weight,
  }));
  const { config } = a!.netdev;
  config.addRoute(ip("192.168.0.0"), 16, { type: "unicast", legs });
  // Resolves all gateways.
  for (let i = 0; i < weights.length; i++) {
    a!.send(ipv4Frame("10.0.0.1", `10.0.0.${i + 2}`));
    gateways[i]!.received();
  }
  return { rig, a: a!, gateways };
}

/** Returns a UDP packet with a source port and a payload for each flow. */
function frameOf(flow: number, source = "10.0.0.1"): Uint8Array {
  const payload = new Uint8Array(12);
  viewOf(payload).setUint16(0, 40_000 + flow);
  viewOf(payload).setUint16(2, 53);
  viewOf(payload).setUint16(8, flow);
  return ipv4Frame(source, ROUTED, { payload });
}

/** Writes the bytes of a next-hop program into a frame. */
function withNextHop(frame: Uint8Array, bytes: string): Uint8Array {
  frame.set(hex(bytes), VNET_HEADER_LENGTH);
  return frame;
}

const numberOf = (packet: Uint8Array) => viewOf(packet).getUint16(20 + 8);

/** Sends each flow several times; returns the flows that each gateway received. */
function spread({ rig, a, gateways }: ReturnType<typeof routed>): number[][] {
  for (let i = 0; i < REPEATS; i++) {
    for (let flow = 0; flow < FLOWS; flow++) {
      a.netdev.inject(frameOf(flow));
      if (flow % 8 === 7) rig.settle();
    }
  }
  return gateways.map((gateway) => gateway.received().map(numberOf));
}

for (const weights of [[1, 1], [1, 3], [2, 1, 1], [1, 0x100]]) {
  Deno.test(`64 flows are distributed over legs with weights ${weights.join(", ")}, each on one leg`, () => {
    const scene = routed(weights);
    const got = spread(scene);
    const total = weights.reduce((sum, weight) => sum + weight);
    got.forEach((flows, leg) => {
      const distinct = new Set(flows);
      assertEquals(
        flows.length,
        distinct.size * REPEATS,
        "no flow on two legs",
      );
      const expected = FLOWS * weights[leg]! / total;
      // Five standard deviations of independent random choices.
      const share = weights[leg]! / total;
      const most = 5 * Math.sqrt(FLOWS * share * (1 - share)) + 1;
      assert(
        Math.abs(distinct.size - expected) <= most,
        `leg ${leg} has ${distinct.size} flows, not about ${expected}`,
      );
    });
    const all = new Set(got.flat());
    assertEquals(all.size, FLOWS);
    assertEquals(scene.a.drops, {});
    scene.rig.check();
  });
}

Deno.test("flows keep their legs after the cache was cleared", () => {
  const scene = routed([1, 1, 1]);
  const before = spread(scene);
  scene.a.netdev.config.emit("route");
  assertEquals(spread(scene), before);
});

Deno.test("packets with equal source, destination and type of service are looked up once for all ports", () => {
  const { rig, a } = routed([1, 1]);
  const { config } = a.netdev;
  const before = config.routeLookups;
  for (let flow = 0; flow < 8; flow++) a.send(frameOf(flow));
  assertEquals(config.routeLookups, before + 1);
  config.addAddress(ip("10.0.0.11"), 24);
  const again = config.routeLookups;
  a.send(frameOf(1, "10.0.0.11"));
  a.send(frameOf(1));
  const other = frameOf(1);
  other[26 + 1] = 0x10;
  a.send(other, other);
  assertEquals(config.routeLookups, again + 3, "source, address change, tos");
  rig.check();
});

Deno.test("each connection is looked up separately if policy rules match on ports", () => {
  const { rig, a } = routed([1, 1]);
  const { config } = a.netdev;
  config.routesByPort = true;
  config.emit("route");
  const before = config.routeLookups;
  for (let i = 0; i < 2; i++) {
    for (let flow = 0; flow < 8; flow++) a.send(frameOf(flow));
  }
  assertEquals(config.routeLookups, before + 8);
  rig.check();
});

Deno.test("a route lookup uses all routing fields of the packet", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  const flows: Flow[] = [];
  const { config } = a.netdev;
  config.route = (flow) => {
    flows.push(flow);
    return { type: "none" };
  };
  a.netdev.inject(frameOf(7));
  rig.settle();
  assertEquals(flows, [{
    destination: IpAddress.ipv4(ip(ROUTED)),
    source: IpAddress.ipv4(ip("10.0.0.1")),
    tos: 0,
    protocol: 17,
    sourcePort: 40_007,
    destinationPort: 53,
  }]);
  // A missing route is not cached.
  a.netdev.inject(frameOf(7));
  rig.settle();
  assertEquals([flows.length, a.drops], [2, { tx_no_route: 2 }]);
  rig.check();
});

Deno.test("the cache is cleared when routes, addresses, neighbours, groups or the link change", () => {
  const { rig, a } = routed([1, 1]);
  const { config } = a.netdev;
  const group = ipv4Frame("10.0.0.1", "239.1.1.1");
  const changes: Record<string, () => void> = {
    route: () => config.emit("route"),
    address: () => config.emit("address"),
    neighbour: () => flushNeighbours(a.link, IpAddress.ipv4(ip("10.0.0.3"))),
    group: () => {
      a.send(group);
      config.join(ip("239.1.1.1"));
      config.leave(ip("239.1.1.1"));
    },
    link: () => {
      a.port.emit({ type: "lid_change" });
    },
  };
  a.send(frameOf(1));
  for (const [name, change] of Object.entries(changes)) {
    const before = config.routeLookups;
    a.send(frameOf(1));
    assertEquals(config.routeLookups, before, name);
    change();
    rig.settle();
    a.send(frameOf(1));
    assertEquals(config.routeLookups, before + 1, name);
  }
  rig.check();
});

Deno.test("packets of a leg with a failed neighbour wait, those of other legs are sent", () => {
  const { rig, a, gateways } = routed([1, 1]);
  const { neighbours } = a.netdev.config;
  rig.fabric.lose = (packet) => packet.multicast;
  neighbours.fail(ip("10.0.0.2"));
  for (let flow = 0; flow < 8; flow++) a.netdev.inject(frameOf(flow));
  rig.settle();
  const waiting = a.neighbour("10.0.0.2")!.queue.length;
  const others = gateways[1]!.received().length;
  assertEquals([waiting + others, waiting > 0, others > 0], [8, true, true]);
  // The engine chose the leg, so it must make the kernel resolve the neighbour.
  assertEquals(neighbours.changes, ["resolve 10.0.0.2"]);
  rig.fabric.lose = () => false;
  neighbours.retry();
  rig.settle();
  assertEquals(gateways[0]!.received().length, waiting);
  rig.check();
});

Deno.test("a next hop in the frame is used without a route lookup", () => {
  const { rig, a, gateways } = routed([1, 1]);
  const { config } = a.netdev;
  const before = config.routeLookups;
  const onLink = ipv4Frame("10.0.0.1", "10.0.0.3");
  a.netdev.inject(
    withNextHop(frameOf(1), "02 01 0a000003"),
    withNextHop(frameOf(1), "02 01 0a000002"),
    withNextHop(frameOf(1), "02 01 0a000003"),
    withNextHop(onLink, "02 01 00000000"),
  );
  rig.settle();
  assertEquals(gateways.map((each) => each.received().length), [1, 3]);
  assertEquals(config.routeLookups, before);
  for (const { ethernet } of a.posted().slice(-4)) {
    assertEquals(ethernet, hex("020000000001 020000000002 0800"));
  }
  // Other route types in the frame are looked up.
  a.netdev.inject(withNextHop(frameOf(1), "02 03 0a000003"));
  rig.settle();
  assertEquals(config.routeLookups, before + 1);
  rig.check();
});

Deno.test("an unresolved next hop in the frame is resolved by the kernel", () => {
  const { rig, a } = routed([1]);
  const frame = frameOf(1);
  frame.set(hex("02 01 0a000009"), VNET_HEADER_LENGTH);
  a.netdev.inject(frame);
  rig.settle();
  assertEquals(a.netdev.config.neighbours.changes, ["resolve 10.0.0.9"]);
  assertEquals(a.neighbour("10.0.0.9")!.queue.length, 1);
  rig.check();
});

Deno.test("an IPv6 gateway in the frame is used, and waits for its resolution", () => {
  const { rig, a } = routed([1]);
  const { config } = a.netdev;
  const before = config.routeLookups;
  a.netdev.prefixTable.set(hex("fe80000000000000 fd00000100000002"));
  for (const number of ["00", "01"]) {
    a.netdev.inject(
      withNextHop(frameOf(1), `06 01 ${number} 00 0000000000000007`),
    );
  }
  rig.settle();
  for (const gateway of ["fe80::7", "fd00:1:0:2::7"]) {
    const neighbour = a.link.neighbours.find(IpAddress.parse(gateway)!);
    assertEquals(neighbour?.queue.length, 1, gateway);
  }
  assertEquals(config.routeLookups, before);
  rig.check();
});

Deno.test("an IPv6 gateway with an unknown number, and a packet to a group, are looked up", () => {
  const { rig, a, gateways } = routed([1]);
  const { config } = a.netdev;
  a.netdev.prefixTable.set(hex("fe80000000000000"));
  let lookups = config.routeLookups;
  for (const number of ["01", "40", "ff"]) {
    a.netdev.inject(
      withNextHop(frameOf(1), `06 01 ${number} 00 0000000000000007`),
    );
    config.emit("route");
    rig.settle();
    assertEquals(config.routeLookups, ++lookups, number);
  }
  assertEquals(gateways[0]!.received().length, 3);
  const groups = a.link.groups.entries().length;
  for (const mark of ["02 01 0a000002", "06 01 00 00 0000000000000007"]) {
    a.netdev.inject(
      withNextHop(ipv4Frame("10.0.0.1", "239.1.2.3"), mark),
    );
  }
  rig.settle();
  assertEquals(a.link.groups.entries().length, groups + 1);
  assertEquals(gateways[0]!.received().length, 0);
});

Deno.test("packets to a route without legs are dropped", () => {
  const { rig, a } = routed([]);
  a.netdev.inject(frameOf(1));
  rig.settle();
  assertEquals(a.drops, { tx_no_route: 1 });
  rig.check();
});
