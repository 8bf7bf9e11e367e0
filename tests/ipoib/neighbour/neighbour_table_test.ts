/** What is learnt of neighbours, and when it is believed (Linux arp_process behaviour). */

import { assert, assertEquals } from "@std/assert";
import { MAX_NEIGHBOURS } from "../../../src/ipoib/constants.ts";
import { ArpOperation, arpRequest } from "../../../src/wire/arp.ts";
import { IpAddress } from "../../../src/wire/ip_address.ts";
import { arpOf, arpReply, type Host, ip, ipv4Frame, Rig } from "../rig.ts";
import { GARBAGE, kernelArp, muteKernel, transmit } from "./kernel_arp.ts";

const TO_B = ipv4Frame("10.0.0.1", "10.0.0.2");
const B = IpAddress.ipv4(ip("10.0.0.2"));
const OTHER_QPN = 0x777;

/** Two hosts of which the first knows the second, and what its kernel was told since. */
function acquainted() {
  const rig = new Rig();
  const [a, b] = rig.pair();
  a.send(TO_B);
  b.received();
  const other = { ...b.address, qpn: OTHER_QPN };
  return { rig, a, b, other, told: a.netdev.config.neighbours.changes };
}

function qpnOf(host: Host, address = "10.0.0.2"): number | undefined {
  return host.neighbour(address)?.peer?.address.qpn;
}

Deno.test("the answer to the kernel's question makes the entry, and what the kernel kept goes at once", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  muteKernel(b);
  a.send(TO_B, TO_B);
  assertEquals([a.neighbour("10.0.0.2")!.asked, qpnOf(a)], [true, undefined]);
  const request = arpRequest(a.address, ip("10.0.0.1"), ip("10.0.0.2"));
  a.hearArp(b, arpReply(request, b.address));
  const neighbour = a.neighbour("10.0.0.2")!;
  assertEquals([neighbour.asked, neighbour.peer!.address], [false, b.address]);
  assertEquals([a.nud("10.0.0.2"), b.received().length], ["REACHABLE", 2]);
  rig.check();
});

Deno.test("who asks is known once the kernel has answered", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  muteKernel(b);
  transmit(a, kernelArp(ArpOperation.Request, "10.0.0.1", "10.0.0.2"));
  assertEquals(b.link.neighbours.size, 0);
  transmit(b, kernelArp(ArpOperation.Reply, "10.0.0.2", "10.0.0.1"));
  assertEquals(b.neighbour("10.0.0.1")!.peer!.address, a.address);
  rig.check();
});

Deno.test("what is told of an address that nobody here has to do with is not kept", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const request = arpRequest(a.address, ip("10.0.0.1"), ip("10.0.0.66"));
  a.hearArp(b, arpReply(request, b.address));
  a.hearArp(b, arpRequest(b.address, ip("10.0.0.66"), ip("10.0.0.66")));
  a.hearArp(b, arpRequest(b.address, ip("10.0.0.66"), ip("10.0.0.99")));
  assertEquals(a.link.neighbours.size, 0);
  assertEquals(a.drops, {});
});

Deno.test("an address that just changed is not changed again within a second, by a request or an unasked reply", () => {
  for (const operation of [ArpOperation.Request, ArpOperation.Reply]) {
    const { rig, a, b, other, told } = acquainted();
    const { qpn } = b.link;
    const arp = {
      ...arpRequest(other, ip("10.0.0.2"), ip("10.0.0.66")),
      operation,
    };
    rig.advance(999);
    a.hearArp(b, arp);
    assertEquals([qpnOf(a), told], [qpn, []]);
    rig.advance(1);
    a.hearArp(b, arp);
    assertEquals(qpnOf(a), OTHER_QPN);
    // A reply is the kernel's own knowledge; it does not know what else has changed.
    const expected = operation === ArpOperation.Request
      ? ["stale 10.0.0.2"]
      : [];
    assertEquals(told, expected);
    rig.check();
  }
});

Deno.test("an announcement changes the address at once, and the kernel is to make sure of it", () => {
  const { a, b, other, told } = acquainted();
  a.hearArp(b, arpRequest(other, ip("10.0.0.2"), ip("10.0.0.2")));
  assertEquals([qpnOf(a), told], [OTHER_QPN, ["stale 10.0.0.2"]]);
  assertEquals(a.nud("10.0.0.2"), "STALE");
});

Deno.test("the answer to a probe changes the address at once, and the kernel knows as much as we", () => {
  const { rig, a, b, other, told } = acquainted();
  muteKernel(b);
  transmit(a, kernelArp(ArpOperation.Request, "10.0.0.1", "10.0.0.2", GARBAGE));
  const request = arpRequest(a.address, ip("10.0.0.1"), ip("10.0.0.2"));
  a.hearArp(b, arpReply(request, other));
  assertEquals([qpnOf(a), told], [OTHER_QPN, []]);
  assertEquals(a.nud("10.0.0.2"), "REACHABLE");
  // The next one was not asked for.
  a.hearArp(b, arpReply(request, b.address));
  assertEquals(qpnOf(a), OTHER_QPN);
  rig.check();
});

Deno.test("while a probe is unanswered a request is not believed any sooner", () => {
  const { rig, a, b, other } = acquainted();
  muteKernel(b);
  transmit(a, kernelArp(ArpOperation.Request, "10.0.0.1", "10.0.0.2", GARBAGE));
  a.hearArp(b, arpRequest(other, ip("10.0.0.2"), ip("10.0.0.66")));
  assertEquals(qpnOf(a), b.link.qpn);
  rig.check();
});

Deno.test("an address that is told again changes nothing and locks nothing", () => {
  const { rig, a, b, other, told } = acquainted();
  const { updatedAt } = a.neighbour("10.0.0.2")!;
  rig.advance(900);
  a.hearArp(b, arpRequest(b.address, ip("10.0.0.2"), ip("10.0.0.2")));
  assertEquals([a.neighbour("10.0.0.2")!.updatedAt, told], [updatedAt, []]);
  rig.advance(100);
  a.hearArp(b, arpRequest(other, ip("10.0.0.2"), ip("10.0.0.66")));
  assertEquals(qpnOf(a), OTHER_QPN);
});

Deno.test("another host's announcement of the neighbour's address takes the packets", () => {
  const { rig, a, b } = acquainted();
  rig.advance(2000);
  const c = rig.host({ address: "10.0.0.2" });
  assertEquals(a.neighbour("10.0.0.2")!.peer!.address, c.address);
  a.send(TO_B);
  assertEquals([b.received().length, c.received().length], [0, 1]);
  rig.check();
});

Deno.test("an entry that is forgotten takes its packets along, and next hops that lead to it", () => {
  const { rig, a, b } = acquainted();
  const { routeLookups } = a.netdev.config;
  assertEquals(a.link.neighbours.forget(B), true);
  assertEquals(a.link.neighbours.forget(B), false);
  a.send(TO_B);
  assertEquals(a.netdev.config.routeLookups, routeLookups + 1);
  assertEquals(b.received().length, 1, "the kernel has asked again");
  rig.check();
});

Deno.test("a full table gives up what changed longest ago, here and in the kernel", () => {
  const { rig, a, b, told } = acquainted();
  const { neighbours } = a.link;
  rig.advance(1);
  const first = ip("10.1.0.0");
  for (let i = 0; neighbours.size < MAX_NEIGHBOURS; i++) {
    neighbours.asks(IpAddress.ipv4(first + i), false);
  }
  assert(neighbours.find(B));
  assertEquals(told, []);
  rig.advance(1);
  // The one that changes last stays.
  const last = IpAddress.ipv4(first + 1);
  neighbours.answered(last, b.address);
  neighbours.get(IpAddress.ipv4(first - 1));
  assertEquals(neighbours.size, MAX_NEIGHBOURS - MAX_NEIGHBOURS / 8 + 1);
  assertEquals([neighbours.find(B), a.nud("10.0.0.2")], [undefined, undefined]);
  assert(neighbours.find(last));
  assertEquals(told[0], "remove 10.0.0.2");
  assertEquals(told.length, 256, "no more than that in a second");
  // What the kernel goes on believing in is asked for with the next packet.
  a.send(TO_B);
  assertEquals(b.received().length, 1);
  rig.check();
});

Deno.test("a flush of one neighbour or of all tells how many went", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  rig.host({ address: "10.0.0.3" });
  a.send(TO_B, ipv4Frame("10.0.0.1", "10.0.0.3"));
  const { link } = a;
  assertEquals(link.flushNeighbours(IpAddress.ipv4(ip("10.0.0.9"))), 0);
  assertEquals(link.flushNeighbours(B), 1);
  assertEquals([a.nud("10.0.0.2"), a.nud("10.0.0.3")], [
    undefined,
    "REACHABLE",
  ]);
  a.posted();
  a.send(TO_B);
  const [asked] = a.posted();
  assertEquals([arpOf(asked!)!.operation, asked!.multicast], [1, true]);
  assertEquals(link.flushNeighbours(), 2);
  assertEquals(link.neighbours.size, 0);
  rig.check();
});
