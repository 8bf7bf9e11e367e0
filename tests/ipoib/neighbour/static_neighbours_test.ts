/** Static neighbours (`ipoib neigh add`). */

import { assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../../src/base/errors.ts";
import { MAX_STATIC_NEIGHBOURS } from "../../../src/ipoib/constants.ts";
import { arpRequest } from "../../../src/wire/arp.ts";
import { IpAddress } from "../../../src/wire/ip_address.ts";
import { arpOf, ip, ipv4Frame, Rig } from "../rig.ts";
import { transmit } from "./kernel_arp.ts";
import {
  deleteNeighbour,
  flushNeighbours,
} from "../../../src/ipoib/neighbour/user_changes.ts";

const TO_S = ipv4Frame("10.0.0.1", "10.0.0.50");
const S = IpAddress.ipv4(ip("10.0.0.50"));

/** Two hosts; on the first, 10.0.0.50 is a static neighbour with the link-layer address of the second. */
function staticPair() {
  const rig = new Rig();
  const [a, b] = rig.pair();
  a.link.neighbours.hold(S, b.address);
  return { rig, a, b };
}

Deno.test("a static neighbour needs no ARP, and the kernel's entry is PERMANENT", () => {
  const { rig, a, b } = staticPair();
  assertEquals(a.nud("10.0.0.50"), "PERMANENT");
  a.send(TO_S, TO_S);
  assertEquals(b.received().length, 2);
  assertEquals(a.arps(), []);
  assertEquals(a.netdev.config.neighbours.changes, ["permanent 10.0.0.50"]);
  rig.check();
});

Deno.test("received ARP packets do not change a static neighbour", () => {
  const { rig, a, b } = staticPair();
  rig.advance(2000);
  const other = { ...b.address, qpn: 0x777 };
  a.receiveArp(b, arpRequest(other, S.w3, S.w3));
  a.receiveArp(b, arpRequest(other, S.w3, ip("10.0.0.1")));
  assertEquals(a.neighbour("10.0.0.50")!.peer!.address, b.address);
  a.send(TO_S);
  assertEquals(b.received().length, 1);
  rig.check();
});

Deno.test("a static neighbour survives a flush of the neighbours and a restart of the link", () => {
  const { rig, a, b } = staticPair();
  a.send(TO_S, ipv4Frame("10.0.0.1", "10.0.0.2"));
  b.received();
  assertEquals(flushNeighbours(a.link), 1);
  for (const state of ["down", "active"] as const) {
    a.port.emit({ type: "port_error" }, { state });
    rig.settle();
  }
  assertEquals(a.link.state, "running");
  assertEquals(a.link.neighbours.size, 1);
  a.arps();
  a.send(TO_S);
  a.send(TO_S);
  assertEquals([b.received().length, a.drops], [2, {}]);
  assertEquals(a.posted().filter(arpOf), [], "no ARP");
  rig.check();
});

Deno.test("packets that wait for an address are sent when it becomes a static neighbour", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  transmit(a, TO_S);
  assertEquals(a.neighbour("10.0.0.50")!.queue.length, 1);
  a.link.neighbours.hold(S, b.address);
  rig.settle();
  assertEquals([b.received().length, a.drops], [1, {}]);
  assertEquals(a.neighbour("10.0.0.50")!.queue.length, 0);
  rig.check();
});

Deno.test("a new link-layer address of a static neighbour redirects packets to it", () => {
  const { rig, a, b } = staticPair();
  const c = rig.host();
  a.send(TO_S);
  a.link.neighbours.hold(S, c.address);
  a.send(TO_S);
  assertEquals([b.received().length, c.received().length], [1, 1]);
  rig.check();
});

Deno.test("a deleted static neighbour is resolved by ARP again", () => {
  const { rig, a, b } = staticPair();
  assertEquals(deleteNeighbour(a.link, S), true);
  assertEquals([a.nud("10.0.0.50"), a.link.neighbours.size], [undefined, 0]);
  assertEquals(deleteNeighbour(a.link, S), false);
  a.send(TO_S);
  assertEquals(a.arps().map(({ targetIp }) => targetIp), [S.w3]);
  assertEquals(b.received(), []);
  rig.check();
});

Deno.test("the kernel resolves a neighbour whose PERMANENT entry `ipoib neigh del` removed", () => {
  const { rig, a } = staticPair();
  const { neighbours } = a.netdev.config;
  deleteNeighbour(a.link, S);
  // An entry that was set by `ip neigh`.
  const other = IpAddress.ipv4(ip("10.0.0.51"));
  neighbours.set(other.w3, "PERMANENT");
  deleteNeighbour(a.link, other);
  neighbours.changes.length = 0;
  transmit(a, TO_S, ipv4Frame("10.0.0.1", "10.0.0.51"));
  assertEquals(neighbours.changes, [
    "resolve 10.0.0.50",
    "resolve 10.0.0.51",
  ]);
  rig.check();
});

Deno.test("a static neighbour outlives the kernel's entry, which is restored at once", () => {
  const { rig, a, b } = staticPair();
  const { neighbours } = a.netdev.config;
  // `ip neigh del`, then the interface goes down.
  neighbours.delete(S.w3);
  assertEquals(neighbours.state(S.w3), "PERMANENT");
  a.netdev.change({ up: false });
  rig.settle();
  a.netdev.change({ up: true });
  rig.settle();
  assertEquals(neighbours.state(S.w3), "PERMANENT");
  b.received();
  a.send(TO_S);
  assertEquals(b.received().length, 1);
  rig.check();
});

Deno.test("a static neighbour with an unreachable peer keeps its address, and its path is queried again", () => {
  const { rig, a, b } = staticPair();
  a.send(TO_S);
  a.port.postResult = 1;
  a.send(TO_S);
  a.port.postResult = 0;
  assertEquals(a.drops, { tx_unreachable: 1 });
  assertEquals(a.neighbour("10.0.0.50")!.peer!.address, b.address);
  b.received();
  a.send(TO_S);
  assertEquals(b.received().length, 1);
  assertEquals(a.netdev.config.neighbours.changes, ["permanent 10.0.0.50"]);
  rig.check();
});

Deno.test("the number of static neighbours is limited", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const held = (i: number) => IpAddress.ipv4(ip("10.1.0.0") + i);
  for (let i = 0; i < MAX_STATIC_NEIGHBOURS; i++) {
    a.link.neighbours.hold(held(i), b.address);
  }
  const { code, errno } = assertThrows(
    () => a.link.neighbours.hold(held(MAX_STATIC_NEIGHBOURS), b.address),
    IpoibError,
  );
  assertEquals([code, errno], ["E_NEIGHBOUR_LIMIT", 105]);
  // At the limit an entry may change, and a removed entry may be replaced.
  a.link.neighbours.hold(held(0), b.address);
  deleteNeighbour(a.link, held(1));
  a.link.neighbours.hold(held(MAX_STATIC_NEIGHBOURS), b.address);
  rig.check();
});
