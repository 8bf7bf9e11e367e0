/** Learning of link-layer addresses, and protection of recent changes (Linux arp_process behaviour). */

import { assert, assertEquals } from "@std/assert";
import { DEFAULT_MAX_NEIGHBOURS } from "../../../src/ipoib/constants.ts";
import { ArpOperation, arpRequest } from "../../../src/wire/arp.ts";
import { IpAddress } from "../../../src/wire/ip_address.ts";
import { arpOf, arpReply, type Host, ip, ipv4Frame, Rig } from "../rig.ts";
import { GARBAGE, kernelArp, muteKernel, transmit } from "./kernel_arp.ts";
import { flushNeighbours } from "../../../src/ipoib/neighbour/user_changes.ts";

const TO_B = ipv4Frame("10.0.0.1", "10.0.0.2");
const B = IpAddress.ipv4(ip("10.0.0.2"));
const OTHER_QPN = 0x777;

/**
 * Two hosts, the second of which is a neighbour of the first, and the changes requested from the first host's kernel.
 */
function resolvedPair() {
  const rig = new Rig();
  const [a, b] = rig.pair();
  a.send(TO_B);
  b.received();
  const other = { ...b.address, qpn: OTHER_QPN };
  return { rig, a, b, other, changes: a.netdev.config.neighbours.changes };
}

function qpnOf(host: Host, address = "10.0.0.2"): number | undefined {
  return host.neighbour(address)?.peer?.address.qpn;
}

Deno.test("the reply to a kernel request completes the entry, and the kernel's queued packets are sent", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  muteKernel(b);
  a.send(TO_B, TO_B);
  assertEquals([a.neighbour("10.0.0.2")!.requestPending, qpnOf(a)], [
    true,
    undefined,
  ]);
  const request = arpRequest(a.address, ip("10.0.0.1"), ip("10.0.0.2"));
  a.receiveArp(b, arpReply(request, b.address));
  const neighbour = a.neighbour("10.0.0.2")!;
  assertEquals([neighbour.requestPending, neighbour.peer!.address], [
    false,
    b.address,
  ]);
  assertEquals([a.nud("10.0.0.2"), b.received().length], ["REACHABLE", 2]);
  rig.check();
});

Deno.test("a requester becomes a neighbour when the kernel replies", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  muteKernel(b);
  transmit(a, kernelArp(ArpOperation.Request, "10.0.0.1", "10.0.0.2"));
  assertEquals(b.link.neighbours.size, 0);
  transmit(b, kernelArp(ArpOperation.Reply, "10.0.0.2", "10.0.0.1"));
  assertEquals(b.neighbour("10.0.0.1")!.peer!.address, a.address);
  rig.check();
});

Deno.test("ARP packets about addresses without an entry create none", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const request = arpRequest(a.address, ip("10.0.0.1"), ip("10.0.0.66"));
  a.receiveArp(b, arpReply(request, b.address));
  a.receiveArp(b, arpRequest(b.address, ip("10.0.0.66"), ip("10.0.0.66")));
  a.receiveArp(b, arpRequest(b.address, ip("10.0.0.66"), ip("10.0.0.99")));
  assertEquals(a.link.neighbours.size, 0);
  assertEquals(a.drops, {});
});

Deno.test("a changed address is not changed again within a second by a request or an unsolicited reply", () => {
  for (const operation of [ArpOperation.Request, ArpOperation.Reply]) {
    const { rig, a, b, other, changes } = resolvedPair();
    const { qpn } = b.link;
    const arp = {
      ...arpRequest(other, ip("10.0.0.2"), ip("10.0.0.66")),
      operation,
    };
    rig.advance(999);
    a.receiveArp(b, arp);
    assertEquals([qpnOf(a), changes], [qpn, []]);
    rig.advance(1);
    a.receiveArp(b, arp);
    assertEquals(qpnOf(a), OTHER_QPN);
    // A reply confirms the kernel's entry by itself; after a request the entry must be set STALE.
    const expected = operation === ArpOperation.Request
      ? ["stale 10.0.0.2"]
      : [];
    assertEquals(changes, expected);
    rig.check();
  }
});

Deno.test("an announcement changes the address at once, and the kernel's entry becomes STALE", () => {
  const { a, b, other, changes } = resolvedPair();
  a.receiveArp(b, arpRequest(other, ip("10.0.0.2"), ip("10.0.0.2")));
  assertEquals([qpnOf(a), changes], [OTHER_QPN, ["stale 10.0.0.2"]]);
  assertEquals(a.nud("10.0.0.2"), "STALE");
});

Deno.test("the reply to a probe changes the address at once, and the kernel's entry is REACHABLE", () => {
  const { rig, a, b, other, changes } = resolvedPair();
  muteKernel(b);
  transmit(a, kernelArp(ArpOperation.Request, "10.0.0.1", "10.0.0.2", GARBAGE));
  const request = arpRequest(a.address, ip("10.0.0.1"), ip("10.0.0.2"));
  a.receiveArp(b, arpReply(request, other));
  assertEquals([qpnOf(a), changes], [OTHER_QPN, []]);
  assertEquals(a.nud("10.0.0.2"), "REACHABLE");
  // The next reply is unsolicited.
  a.receiveArp(b, arpReply(request, b.address));
  assertEquals(qpnOf(a), OTHER_QPN);
  rig.check();
});

Deno.test("a pending probe does not let a request change the address", () => {
  const { rig, a, b, other } = resolvedPair();
  muteKernel(b);
  transmit(a, kernelArp(ArpOperation.Request, "10.0.0.1", "10.0.0.2", GARBAGE));
  a.receiveArp(b, arpRequest(other, ip("10.0.0.2"), ip("10.0.0.66")));
  assertEquals(qpnOf(a), b.link.qpn);
  rig.check();
});

Deno.test("an announcement of the present address neither changes the entry nor extends its lock", () => {
  const { rig, a, b, other, changes } = resolvedPair();
  const { updatedAt } = a.neighbour("10.0.0.2")!;
  rig.advance(900);
  a.receiveArp(b, arpRequest(b.address, ip("10.0.0.2"), ip("10.0.0.2")));
  assertEquals([a.neighbour("10.0.0.2")!.updatedAt, changes], [updatedAt, []]);
  rig.advance(100);
  a.receiveArp(b, arpRequest(other, ip("10.0.0.2"), ip("10.0.0.66")));
  assertEquals(qpnOf(a), OTHER_QPN);
});

Deno.test("another host's announcement of the neighbour's address redirects packets to it", () => {
  const { rig, a, b } = resolvedPair();
  rig.advance(2000);
  const c = rig.host({ address: "10.0.0.2" });
  assertEquals(a.neighbour("10.0.0.2")!.peer!.address, c.address);
  a.send(TO_B);
  assertEquals([b.received().length, c.received().length], [0, 1]);
  rig.check();
});

Deno.test("removal of an entry clears the next hops that refer to it", () => {
  const { rig, a, b } = resolvedPair();
  const { routeLookups } = a.netdev.config;
  assertEquals(a.link.neighbours.forget(B), true);
  assertEquals(a.link.neighbours.forget(B), false);
  a.send(TO_B);
  assertEquals(a.netdev.config.routeLookups, routeLookups + 1);
  assertEquals(b.received().length, 1, "the kernel sent a new request");
  rig.check();
});

Deno.test("a full table evicts the entries that changed longest ago, also from the kernel's table", () => {
  const { rig, a, b, changes } = resolvedPair();
  const { neighbours } = a.link;
  rig.advance(1);
  const first = ip("10.1.0.0");
  for (let i = 0; neighbours.size < DEFAULT_MAX_NEIGHBOURS; i++) {
    neighbours.onKernelRequest(IpAddress.ipv4(first + i), false);
  }
  assert(neighbours.find(B));
  assertEquals(changes, []);
  rig.advance(1);
  // The entry that changed last stays.
  const last = IpAddress.ipv4(first + 1);
  neighbours.learnRequester(last, b.address);
  neighbours.get(IpAddress.ipv4(first - 1));
  assertEquals(
    neighbours.size,
    DEFAULT_MAX_NEIGHBOURS - DEFAULT_MAX_NEIGHBOURS / 8 + 1,
  );
  assertEquals([neighbours.find(B), a.nud("10.0.0.2")], [undefined, undefined]);
  assert(neighbours.find(last));
  assertEquals(changes[0], "remove 10.0.0.2");
  assertEquals(changes.length, 128, "limit per second");
  // An evicted neighbour that the kernel still has is resolved again by the next packet.
  a.send(TO_B);
  assertEquals(b.received().length, 1);
  rig.check();
});

Deno.test("flushNeighbours() returns the number of removed entries", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  rig.host({ address: "10.0.0.3" });
  a.send(TO_B, ipv4Frame("10.0.0.1", "10.0.0.3"));
  const { link } = a;
  assertEquals(flushNeighbours(link, IpAddress.ipv4(ip("10.0.0.9"))), 0);
  assertEquals(flushNeighbours(link, B), 1);
  assertEquals([a.nud("10.0.0.2"), a.nud("10.0.0.3")], [
    undefined,
    "REACHABLE",
  ]);
  a.posted();
  a.send(TO_B);
  const [request] = a.posted();
  assertEquals([arpOf(request!)!.operation, request!.multicast], [1, true]);
  assertEquals(flushNeighbours(link), 2);
  assertEquals(link.neighbours.size, 0);
  rig.check();
});
