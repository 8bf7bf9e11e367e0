/** Synchronization of the neighbour table with the kernel's. */

import { assertEquals } from "@std/assert";
import { MAX_KERNEL_CHANGES } from "../../../src/ipoib/constants.ts";
import { FakeNetdev } from "../../../src/netdev/fake.ts";
import { ArpOperation, arpRequest } from "../../../src/wire/arp.ts";
import { IpAddress } from "../../../src/wire/ip_address.ts";
import { arpOf, arpReply, type Host, ip, ipv4Frame, Rig } from "../rig.ts";
import { transmit } from "./kernel_arp.ts";

const TO_B = ipv4Frame("10.0.0.1", "10.0.0.2");
const B = ip("10.0.0.2");

/** Returns the ARP requests since the last call, by the last byte of the target address. */
function requested(host: Host): number[] {
  return host.arps().filter(({ operation }) =>
    operation === ArpOperation.Request
  ).map(({ targetIp }) => targetIp & 0xff);
}

/** A host whose kernel ignores requests to resolve a neighbour; `times` are the times of those requests. */
function withIdleKernel() {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const { neighbours } = a.netdev.config;
  const times: number[] = [];
  neighbours.resolve = () => {
    times.push(rig.reactor.clock.now());
    return true;
  };
  return { rig, a, b, neighbours, times };
}

Deno.test("an entry that the kernel fails or deletes is removed, and its waiting packets are dropped", () => {
  for (const end of ["fail", "delete"] as const) {
    const rig = new Rig();
    const [a, b] = rig.pair();
    a.send(TO_B);
    b.received();
    a.netdev.config.neighbours[end](B);
    assertEquals(a.neighbour("10.0.0.2"), undefined, end);
    // The same for a neighbour whose new request is not answered.
    rig.fabric.lose = () => true;
    transmit(a, TO_B, TO_B);
    a.netdev.config.neighbours[end](B);
    assertEquals(a.drops, { tx_neighbour_failed: 2 }, end);
    assertEquals(a.link.neighbours.size, 0);
    rig.check();
  }
});

Deno.test("all other states of the kernel's entry have no effect", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  a.send(TO_B);
  const { neighbours } = a.netdev.config;
  for (
    const state of [
      "INCOMPLETE",
      "REACHABLE",
      "STALE",
      "DELAY",
      "PROBE",
      "NOARP",
      "PERMANENT",
    ] as const
  ) {
    neighbours.set(B, state);
    transmit(a, TO_B);
    assertEquals(b.received().length, state === "INCOMPLETE" ? 2 : 1, state);
  }
  assertEquals(neighbours.changes, []);
  rig.check();
});

Deno.test("the kernel is made to resolve a neighbour without an entry once per second, and packets wait", () => {
  const { rig, a, b, times } = withIdleKernel();
  // Waits for the other host's second announcement.
  rig.advance(2000);
  a.posted();
  const begin = rig.reactor.clock.now();
  for (let i = 0; i < 21; i++) {
    transmit(a, TO_B);
    rig.advance(100);
  }
  assertEquals(times, [begin, begin + 1000, begin + 2000]);
  assertEquals([a.neighbour("10.0.0.2")!.queue.length, a.drops], [21, {}]);
  assertEquals(requested(a), []);
  const request = arpRequest(a.address, ip("10.0.0.1"), B);
  a.receiveArp(b, arpReply(request, b.address));
  assertEquals(b.received().length, a.port.send.slots);
  rig.check();
});

Deno.test("a neighbour with a pending request of the kernel is not resolved again", () => {
  const { rig, a, times } = withIdleKernel();
  rig.fabric.lose = () => true;
  a.send(TO_B);
  for (let i = 0; i < 3; i++) {
    rig.advance(1000);
    transmit(a, TO_B);
  }
  assertEquals(times, []);
  rig.check();
});

Deno.test("at most 256 changes per second are requested from the kernel; the next packet tries again", () => {
  const { rig, a, times } = withIdleKernel();
  const beyond = 44;
  const frames = Array.from(
    { length: MAX_KERNEL_CHANGES + beyond },
    (_, i) => ipv4Frame("10.0.0.1", `10.7.${i >> 8}.${i & 0xff}`),
  );
  a.netdev.config.addAddress(ip("10.7.255.1"), 16);
  transmit(a, ...frames);
  assertEquals(times.length, MAX_KERNEL_CHANGES);
  rig.advance(1000);
  transmit(a, ...frames.slice(-beyond));
  assertEquals(times.length, MAX_KERNEL_CHANGES + beyond);
  assertEquals([a.link.neighbours.size, a.drops], [frames.length, {}]);
  rig.check();
});

Deno.test("packets are dropped if the kernel refuses to resolve a neighbour", () => {
  const { rig, a, neighbours } = withIdleKernel();
  neighbours.resolve = () => false;
  transmit(a, TO_B);
  assertEquals(a.drops, { tx_neighbour_failed: 1 });
  assertEquals(a.link.neighbours.size, 0);
  rig.check();
});

Deno.test("for a PERMANENT entry of the kernel the engine sends requests, one per second while packets arrive", () => {
  const { rig, a, b, neighbours, times } = withIdleKernel();
  rig.advance(2000);
  a.posted();
  neighbours.set(B, "PERMANENT");
  rig.fabric.lose = (packet) => arpOf(packet) !== undefined;
  transmit(a, TO_B, TO_B);
  assertEquals(requested(a), [2]);
  assertEquals(a.neighbour("10.0.0.2")!.queue.length, 2);
  rig.advance(999);
  transmit(a, TO_B);
  assertEquals([requested(a), a.drops], [[], {}]);
  rig.advance(1);
  transmit(a, TO_B);
  // Without a reply for a second, all waiting packets but the current one are dropped.
  assertEquals([requested(a), a.drops], [[2], { tx_neighbour_failed: 3 }]);
  assertEquals(b.received(), []);
  rig.fabric.lose = () => false;
  rig.advance(1000);
  transmit(a, TO_B);
  assertEquals(b.received().length, 1);
  assertEquals([times, neighbours.changes], [[], []]);
  assertEquals(a.neighbour("10.0.0.2")!.peer!.address, b.address);
  rig.check();
});

Deno.test("packets for a PERMANENT entry whose host does not answer are dropped ten seconds after the last one", () => {
  const { rig, a, neighbours } = withIdleKernel();
  rig.advance(2000);
  neighbours.set(B, "PERMANENT");
  rig.fabric.lose = (packet) => arpOf(packet) !== undefined;
  transmit(a, TO_B);
  rig.advance(500);
  transmit(a, TO_B, TO_B);
  rig.advance(9999);
  assertEquals([a.link.waiting, a.drops], [3, {}]);
  rig.advance(1);
  assertEquals([a.link.waiting, a.drops], [0, { tx_neighbour_failed: 3 }]);
  // The next packet is the first of another attempt.
  a.posted();
  rig.fabric.lose = () => false;
  transmit(a, TO_B);
  assertEquals([requested(a), a.link.waiting], [[2], 0]);
  rig.check();
});

Deno.test("PERMANENT entries are read at start, and entries that are no longer PERMANENT are left to the kernel", () => {
  const rig = new Rig();
  rig.host({ address: "10.0.0.2" });
  const a = rig.host({
    address: "10.0.0.1",
    makeNetdev: (options) => {
      const netdev = new FakeNetdev(options);
      netdev.config.neighbours.set(B, "PERMANENT");
      return netdev;
    },
  });
  const { neighbours } = a.netdev.config;
  a.posted();
  transmit(a, TO_B);
  assertEquals([requested(a), neighbours.changes], [[2], []]);
  for (const end of ["set", "delete"] as const) {
    neighbours.set(B, "PERMANENT");
    if (end === "set") neighbours.set(B, "STALE");
    else neighbours.delete(B);
    a.link.neighbours.forget(IpAddress.ipv4(B));
    transmit(a, TO_B);
    assertEquals(neighbours.changes.splice(0), ["resolve 10.0.0.2"], end);
  }
  rig.check();
});

Deno.test("after lost notifications the kernel's table is read again", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const { neighbours } = a.netdev.config;
  const [failed, gone, permanent, s] = [3, 4, 5, 50].map((n) =>
    IpAddress.ipv4(ip(`10.0.0.${n}`))
  );
  for (const address of [failed!, gone!, permanent!]) {
    a.link.neighbours.learnRequester(address, b.address);
    neighbours.set(address.w3, "REACHABLE");
  }
  a.link.neighbours.hold(s!, b.address);
  a.send(TO_B);
  b.received();
  neighbours.lose(() => {
    neighbours.set(failed!.w3, "FAILED");
    neighbours.set(permanent!.w3, "PERMANENT");
    neighbours.delete(gone!.w3);
    neighbours.delete(s!.w3);
  });
  const left = a.link.neighbours.entries().map(({ address }) => `${address}`);
  assertEquals(left.sort(), ["10.0.0.2", "10.0.0.5", "10.0.0.50"]);
  a.link.neighbours.forget(permanent!);
  a.posted();
  transmit(a, ipv4Frame("10.0.0.1", "10.0.0.5"));
  assertEquals(
    requested(a),
    [5],
    "by the engine, because the entry is PERMANENT",
  );
  // The notification of the change back is lost, too.
  neighbours.lose(() => neighbours.set(permanent!.w3, "STALE"));
  a.link.neighbours.forget(permanent!);
  transmit(a, ipv4Frame("10.0.0.1", "10.0.0.5"));
  assertEquals(neighbours.changes.at(-1), "resolve 10.0.0.5");
  rig.check();
});

Deno.test("eviction from a full table keeps the kernel's PERMANENT entries", () => {
  const { rig, a, neighbours } = withIdleKernel();
  a.send(TO_B);
  neighbours.set(B, "PERMANENT");
  rig.advance(1);
  for (let i = 0; a.neighbour("10.0.0.2"); i++) {
    a.link.neighbours.get(IpAddress.ipv4(ip("10.1.0.0") + i));
  }
  assertEquals(a.nud("10.0.0.2"), "PERMANENT");
  assertEquals(neighbours.changes.includes("remove 10.0.0.2"), false);
  rig.check();
});

Deno.test("the engine sends no request if the interface has no address", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  const { config } = a.netdev;
  config.deleteAddress(ip("10.0.0.1"));
  config.addRoute(ip("10.0.0.0"), 24, B);
  config.neighbours.set(B, "PERMANENT");
  a.posted();
  transmit(a, TO_B);
  assertEquals([a.posted(), a.neighbour("10.0.0.2")!.queue.length], [[], 1]);
  rig.check();
});

Deno.test("the engine sends requests from the address in the target's subnet, else from the first address", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  const { config } = a.netdev;
  config.addAddress(ip("192.168.5.1"), 24);
  config.addRoute(ip("172.16.0.0"), 12, ip("172.16.0.9"));
  rig.settle();
  a.posted();
  for (
    const [source, target, destination = target] of [
      ["192.168.5.1", "192.168.5.9"],
      ["10.0.0.1", "10.0.0.9"],
      ["10.0.0.1", "172.16.0.9", "172.16.0.1"],
    ] as const
  ) {
    config.neighbours.set(ip(target), "PERMANENT");
    transmit(a, ipv4Frame("10.0.0.1", destination));
    assertEquals(
      a.arps().map(({ senderIp, targetIp }) => [senderIp, targetIp]),
      [[ip(source), ip(target)]],
    );
  }
});
