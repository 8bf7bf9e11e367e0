/** Which neighbour a packet goes to: routes with one leg and with several, kept by flow until something changes. */

import { assert, assertEquals } from "@std/assert";
import type { Flow, RouteLeg } from "../../src/netdev/netdev.ts";
import { IpAddress } from "../../src/wire/ip_address.ts";
import { VNET_HEADER_LENGTH } from "../../src/wire/vnet.ts";
import { hex, viewOf } from "../wire/support.ts";
import { type Host, ip, ipv4Frame, Rig } from "./rig.ts";

const ROUTED = "192.168.7.7";
const FLOWS = 64;
const REPEATS = 3;

/** A host, its gateways 10.0.0.2, 10.0.0.3 ..., and a route over them with these weights. */
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
  // All gateways are known, whichever the fake kernel would choose.
  for (let i = 0; i < weights.length; i++) {
    a!.send(ipv4Frame("10.0.0.1", `10.0.0.${i + 2}`));
    gateways[i]!.received();
  }
  return { rig, a: a!, gateways };
}

/** UDP with ports of its own, and a number in the payload. */
function frameOf(flow: number, source = "10.0.0.1"): Uint8Array {
  const payload = new Uint8Array(12);
  viewOf(payload).setUint16(0, 40_000 + flow);
  viewOf(payload).setUint16(2, 53);
  viewOf(payload).setUint16(8, flow);
  return ipv4Frame(source, ROUTED, { payload });
}

const numberOf = (packet: Uint8Array) => viewOf(packet).getUint16(20 + 8);

/** Sends each flow several times; returns which flows each gateway got. */
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
  Deno.test(`64 flows over legs of the weights ${weights.join(", ")}: each stays on one leg`, () => {
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
      // Five standard deviations of a fair throw for each flow.
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

Deno.test("the same flows take the same legs after the cache was cleared", () => {
  const scene = routed([1, 1, 1]);
  const before = spread(scene);
  scene.a.netdev.config.emit("route");
  assertEquals(spread(scene), before);
});

Deno.test("packets of one source, destination and type of service are decided once, whatever their ports", () => {
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

Deno.test("each connection is decided by itself while rules look at ports", () => {
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

Deno.test("the kernel is asked with all that the packet says", () => {
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
  // "Nowhere" is asked again.
  a.netdev.inject(frameOf(7));
  rig.settle();
  assertEquals([flows.length, a.drops], [2, { tx_no_route: 2 }]);
  rig.check();
});

Deno.test("what was decided is forgotten when routes, addresses, neighbours or groups change", () => {
  const { rig, a } = routed([1, 1]);
  const { config } = a.netdev;
  const group = ipv4Frame("10.0.0.1", "239.1.1.1");
  const changes: Record<string, () => void> = {
    route: () => config.emit("route"),
    address: () => config.emit("address"),
    neighbour: () => a.link.flushNeighbours(IpAddress.ipv4(ip("10.0.0.3"))),
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

Deno.test("a leg whose neighbour is gone waits alone, the others carry on", () => {
  const { rig, a, gateways } = routed([1, 1]);
  const { neighbours } = a.netdev.config;
  rig.fabric.lose = (packet) => packet.multicast;
  neighbours.fail(ip("10.0.0.2"));
  for (let flow = 0; flow < 8; flow++) a.netdev.inject(frameOf(flow));
  rig.settle();
  const waiting = a.neighbour("10.0.0.2")!.queue.length;
  const others = gateways[1]!.received().length;
  assertEquals([waiting + others, waiting > 0, others > 0], [8, true, true]);
  // The kernel does not know that we chose this leg: it was told to ask.
  assertEquals(neighbours.changes, ["resolve 10.0.0.2"]);
  rig.fabric.lose = () => false;
  neighbours.retry();
  rig.settle();
  assertEquals(gateways[0]!.received().length, waiting);
  rig.check();
});

Deno.test("a next hop that the frame tells is taken, and the kernel's routing not asked", () => {
  const { rig, a, gateways } = routed([1, 1]);
  const { config } = a.netdev;
  const before = config.routeLookups;
  const told = (frame: Uint8Array, bytes: string) => {
    frame.set(hex(bytes), VNET_HEADER_LENGTH);
    return frame;
  };
  const onLink = ipv4Frame("10.0.0.1", "10.0.0.3");
  a.netdev.inject(
    told(frameOf(1), "02 01 0a000003"),
    told(frameOf(1), "02 01 0a000002"),
    told(frameOf(1), "02 01 0a000003"),
    told(onLink, "02 01 00000000"),
  );
  rig.settle();
  assertEquals(gateways.map((each) => each.received().length), [1, 3]);
  assertEquals(config.routeLookups, before);
  for (const { ethernet } of a.posted().slice(-4)) {
    assertEquals(ethernet, hex("020000000001 020000000002 0800"));
  }
  // Other kinds of routes, and what no program wrote, are decided as ever.
  a.netdev.inject(told(frameOf(1), "02 03 0a000003"));
  rig.settle();
  assertEquals(config.routeLookups, before + 1);
  rig.check();
});

Deno.test("a told next hop that is not known is asked for by the kernel", () => {
  const { rig, a } = routed([1]);
  const frame = frameOf(1);
  frame.set(hex("02 01 0a000009"), VNET_HEADER_LENGTH);
  a.netdev.inject(frame);
  rig.settle();
  assertEquals(a.netdev.config.neighbours.changes, ["resolve 10.0.0.9"]);
  assertEquals(a.neighbour("10.0.0.9")!.queue.length, 1);
  rig.check();
});

Deno.test("a route without a leg leads nowhere", () => {
  const { rig, a } = routed([]);
  a.netdev.inject(frameOf(1));
  rig.settle();
  assertEquals(a.drops, { tx_no_route: 1 });
  rig.check();
});
