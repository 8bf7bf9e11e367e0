import { assert, assertEquals } from "@std/assert";
import {
  type Arp,
  ArpOperation,
  arpReply,
  arpRequest,
} from "../../../src/wire/arp.ts";
import type { LinkAddress } from "../../../src/wire/link_address.ts";
import { arpOf, type Host, ip, ipv4Frame, logLines, Rig } from "../rig.ts";

const TO_B = ipv4Frame("10.0.0.1", "10.0.0.2");
const NOBODY: LinkAddress = { flags: 0, qpn: 0, gid: new Uint8Array(16) };

/** Requests of `host` since the last call, as "target from source, by broadcast or unicast". */
function asked(host: Host): string[] {
  return host.posted().flatMap((packet) => {
    const arp = arpOf(packet);
    if (arp?.operation !== ArpOperation.Request) return [];
    return [packet.multicast ? "broadcast" : "unicast"];
  });
}

Deno.test("an unanswered request is repeated twice, a second apart, then the host is unreachable", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  rig.advance(2000);
  a.posted();
  const frame = ipv4Frame("10.0.0.1", "10.0.0.77", {
    payload: new TextEncoder().encode("quoted octets"),
  });
  a.send(frame);
  for (const expected of [1, 1, 1, 0, 0]) {
    assertEquals(asked(a).length, expected);
    rig.advance(1000);
  }
  assertEquals(a.nud("10.0.0.77"), "FAILED");
  assertEquals(a.drops, { tx_neighbour_failed: 1 });
  const [icmp] = a.received();
  // ICMP 3/1 that seems to come from the neighbour, for the sender of the packet.
  assertEquals([icmp![9], icmp![20], icmp![21]], [1, 3, 1]);
  assertEquals(icmp!.slice(12, 16), new Uint8Array([10, 0, 0, 77]));
  assertEquals(icmp!.slice(16, 20), new Uint8Array([10, 0, 0, 1]));
  assertEquals(icmp!.slice(28), frame.slice(12, 12 + 28));
  // The next packet begins anew.
  a.send(frame);
  assertEquals(asked(a), ["broadcast"]);
  rig.check();
});

Deno.test("there is no error about an error", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  const payload = new Uint8Array(16);
  payload[0] = 3;
  a.send(ipv4Frame("10.0.0.1", "10.0.0.77", { protocol: 1, payload }));
  rig.advance(4000);
  assertEquals(a.drops, { tx_neighbour_failed: 1 });
  assertEquals(a.received(), []);
  rig.check();
});

Deno.test("a neighbour that is used is asked itself after five seconds", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  a.send(TO_B);
  rig.advance(31_000);
  assertEquals(a.nud("10.0.0.2"), "STALE");
  a.posted();
  a.send(TO_B);
  assertEquals([a.nud("10.0.0.2"), asked(a)], ["DELAY", []]);
  rig.advance(5000);
  assertEquals(asked(a), ["unicast"]);
  assertEquals(a.nud("10.0.0.2"), "REACHABLE");
  assertEquals(b.received().length, 2);
  rig.check();
});

Deno.test("a neighbour that has gone fails after three probes and a packet asks everybody", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  a.send(TO_B);
  rig.advance(31_000);
  rig.fabric.lose = () => true;
  a.send(TO_B);
  a.posted();
  rig.advance(8000);
  assertEquals(asked(a), ["unicast", "unicast", "unicast"]);
  assertEquals(a.nud("10.0.0.2"), "FAILED");
  rig.fabric.lose = () => false;
  a.send(TO_B);
  assertEquals(asked(a), ["broadcast"]);
  assertEquals(a.nud("10.0.0.2"), "REACHABLE");
  rig.check();
});

Deno.test("only addresses of the interface itself are answered for", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  for (
    const [target, answers] of [
      ["10.0.0.2", 1],
      ["10.0.0.3", 0],
      ["10.0.0.255", 0],
      ["224.0.0.1", 0],
    ] as const
  ) {
    b.hearArp(a, arpRequest(a.address, ip("10.0.0.1"), ip(target)));
    assertEquals(b.arps().length, answers, target);
  }
  rig.check();
});

Deno.test("a probe for our address is answered and nothing is learnt from it", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  b.hearArp(a, arpRequest(a.address, 0, ip("10.0.0.2")));
  const [reply] = b.arps();
  assertEquals(
    [reply!.senderIp, reply!.targetIp],
    [ip("10.0.0.2"), 0],
  );
  assertEquals(b.link.neighbours.size, 0);
  rig.check();
});

Deno.test("a request asks from the address of the target's subnet, else from the first", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  a.netdev.config.addAddress(ip("192.168.5.1"), 24);
  a.netdev.config.addRoute(ip("172.16.0.0"), 12, ip("172.16.0.9"));
  rig.settle();
  a.posted();
  a.send(
    ipv4Frame("10.0.0.1", "192.168.5.9"),
    ipv4Frame("192.168.5.1", "10.0.0.9"),
    ipv4Frame("10.0.0.1", "172.16.0.1"),
  );
  assertEquals(
    a.arps().map((arp) => arp.senderIp),
    ["192.168.5.1", "10.0.0.1", "10.0.0.1"].map(ip),
  );
});

Deno.test("without an address nobody is asked", () => {
  const rig = new Rig();
  const [a] = rig.pair({ address: undefined! });
  a.netdev.config.deleteAddress(ip("10.0.0.1"));
  a.netdev.config.addRoute(ip("10.0.0.0"), 24, ip("10.0.0.2"));
  a.posted();
  a.send(TO_B);
  assertEquals(asked(a), []);
  rig.advance(4000);
  assertEquals(a.nud("10.0.0.2"), "FAILED");
  rig.check();
});

Deno.test("a new address is announced, and two seconds later once more", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  rig.advance(2000);
  assertEquals(a.arps().map((arp) => arp.targetIp), [ip("10.0.0.1")]);
  a.netdev.config.addAddress(ip("10.0.0.11"), 24);
  a.netdev.config.emit("address");
  rig.settle();
  const [arp, ...others] = a.arps();
  assertEquals(others, []);
  assertEquals(arp!.operation, ArpOperation.Request);
  assertEquals([arp!.senderIp, arp!.targetIp], [
    ip("10.0.0.11"),
    ip("10.0.0.11"),
  ]);
  // Gone and back: announced again.
  a.netdev.config.deleteAddress(ip("10.0.0.11"));
  a.netdev.config.addAddress(ip("10.0.0.11"), 24);
  rig.settle();
  assertEquals(a.arps().length, 1);
  const announced = (host: Host) =>
    host.arps().filter((arp) => arp.senderIp === arp.targetIp)
      .map((arp) => arp.senderIp);
  rig.advance(1999);
  assertEquals(announced(a), []);
  rig.advance(1);
  assertEquals(announced(a), [ip("10.0.0.11")]);
  // One that is gone by then is not.
  a.netdev.config.addAddress(ip("10.0.0.12"), 24);
  a.netdev.config.deleteAddress(ip("10.0.0.12"));
  rig.settle();
  assertEquals(announced(a), [ip("10.0.0.12")]);
  rig.advance(20_000);
  assertEquals(announced(a), []);
});

Deno.test("an address that the interface had before its link is announced when the link is up", () => {
  const rig = new Rig();
  const host = rig.host({ address: "10.0.0.1" });
  assertEquals(host.arps().map((arp) => arp.senderIp), [ip("10.0.0.1")]);
});

Deno.test("an announcement tells those who know the neighbour its new address", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  a.send(TO_B);
  rig.advance(2000);
  const c = rig.host({ address: "10.0.0.2" });
  assertEquals(a.neighbour("10.0.0.2")!.qpn, c.link.qpn);
  a.send(TO_B);
  assertEquals([b.received().length, c.received().length], [1, 1]);
  rig.check();
});

Deno.test("an address that just changed is not changed again within a second", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  a.send(TO_B);
  const qpn = b.link.qpn;
  const other = { ...b.address, qpn: 0x777 };
  const request = arpRequest(other, ip("10.0.0.2"), ip("10.0.0.66"));
  rig.advance(999);
  a.hearArp(b, request);
  assertEquals(a.neighbour("10.0.0.2")!.qpn, qpn);
  rig.advance(1);
  a.hearArp(b, request);
  assertEquals(a.neighbour("10.0.0.2")!.qpn, 0x777);
  assertEquals(a.nud("10.0.0.2"), "STALE");
  rig.check();
});

Deno.test("an announcement changes the address at once", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  a.send(TO_B);
  const other = { ...b.address, qpn: 0x777 };
  a.hearArp(b, arpRequest(other, ip("10.0.0.2"), ip("10.0.0.2")));
  assertEquals(a.neighbour("10.0.0.2")!.qpn, 0x777);
  assertEquals(a.nud("10.0.0.2"), "STALE");
});

Deno.test("a reply to our request changes the address at once", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  a.send(TO_B);
  const request = arpRequest(a.address, ip("10.0.0.1"), ip("10.0.0.2"));
  a.hearArp(b, arpReply(request, { ...b.address, qpn: 0x777 }));
  assertEquals(a.neighbour("10.0.0.2")!.qpn, 0x777);
  assertEquals(a.nud("10.0.0.2"), "REACHABLE");
});

Deno.test("a reply that nobody asked for makes no neighbour", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const request = arpRequest(a.address, ip("10.0.0.1"), ip("10.0.0.66"));
  a.hearArp(b, arpReply(request, b.address));
  assertEquals(a.link.neighbours.size, 0);
  assertEquals(a.drops, {});
});

Deno.test("an address that another host uses too is reported once and not learnt", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const claim = arpRequest(b.address, ip("10.0.0.1"), ip("10.0.0.1"));
  for (let i = 0; i < 3; i++) a.hearArp(b, claim);
  const lines = logLines.filter((line) => line.includes("is also used by"));
  assertEquals(lines.length, 1);
  assert(lines[0]!.startsWith("ib1: warning: 10.0.0.1"));
  assertEquals(a.neighbour("10.0.0.1"), undefined);
  rig.check();
});

Deno.test("ARP of an unknown kind, and our own, is ignored without an error", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const good = arpRequest(b.address, ip("10.0.0.2"), ip("10.0.0.1"));
  const ignored: Arp[] = [
    { ...good, operation: ArpOperation.RarpRequest },
    { ...good, operation: 77 },
    { ...good, senderAddress: a.address },
    { ...good, senderIp: ip("239.0.0.1") },
  ];
  for (const arp of ignored) a.hearArp(b, arp);
  assertEquals(a.arps(), []);
  assertEquals(a.link.neighbours.size, 0);
  assertEquals(a.drops, {});
  assertEquals(a.link.statistics.arpReceived, ignored.length + 1);
});

Deno.test("the flags of a peer's address are kept", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const flagged = { ...b.address, flags: 0x80 };
  a.hearArp(b, arpRequest(flagged, ip("10.0.0.2"), ip("10.0.0.1")));
  assertEquals(a.neighbour("10.0.0.2")!.lladdr, flagged);
  const [reply] = a.arps();
  assertEquals(reply!.targetAddress, flagged);
  assertEquals(reply!.senderAddress.flags, 0, "datagram mode alone");
});

Deno.test("idle neighbours go after a minute, used ones stay", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  rig.host({ address: "10.0.0.3" });
  a.send(TO_B, ipv4Frame("10.0.0.1", "10.0.0.3"));
  for (let second = 0; second < 95; second += 5) {
    rig.advance(5000);
    a.send(TO_B);
  }
  assertEquals(a.nud("10.0.0.3"), undefined);
  assertEquals(a.neighbour("10.0.0.2")!.queue.length, 0);
  rig.advance(95_000);
  assertEquals(a.link.neighbours.size, 0);
  assertEquals(a.link.paths.entries().length, 2, "paths have no expiry");
  rig.check();
});

Deno.test("a flush of one neighbour or of all tells how many went", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  rig.host({ address: "10.0.0.3" });
  a.send(TO_B, ipv4Frame("10.0.0.1", "10.0.0.3"));
  assertEquals(a.link.flushNeighbours(ip("10.0.0.9")), 0);
  assertEquals(a.link.flushNeighbours(ip("10.0.0.2")), 1);
  assertEquals(a.nud("10.0.0.3"), "REACHABLE");
  a.posted();
  a.send(TO_B);
  assertEquals(asked(a), ["broadcast"]);
  assertEquals(a.link.flushNeighbours(), 2);
  rig.check();
});

Deno.test("a full table gives up its idle entries", () => {
  const rig = new Rig();
  const host = rig.host({ address: "10.0.0.1", prefixLength: 8 });
  for (let i = 0; i < 1100; i++) {
    const peer = { ...NOBODY, qpn: 0x100 + i };
    host.hearArp(
      host,
      arpRequest(peer, ip("10.1.0.0") + i, ip("10.0.0.1")),
    );
  }
  assert(host.link.neighbours.size <= 1024);
  assert(host.link.neighbours.find(ip("10.1.0.0") + 1099));
});

Deno.test("a path that cannot be had drops the packets that wait for it, and is asked for again", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  rig.subnet!.lose = (mad) => mad[17] === 0x35;
  a.send(TO_B);
  // The peer's answer needs a path too: both give up after 1.1 s.
  rig.advance(1200);
  const request = arpRequest(a.address, ip("10.0.0.1"), ip("10.0.0.2"));
  a.hearArp(b, arpReply(request, b.address));
  assertEquals(a.nud("10.0.0.2"), "REACHABLE");
  assertEquals(a.neighbour("10.0.0.2")!.ah, undefined);
  rig.advance(1100);
  assertEquals(a.drops, { tx_neighbour_failed: 1 });
  assertEquals(a.link.paths.entries()[0]!.failure, 110);
  rig.subnet!.lose = () => false;
  a.send(TO_B);
  assertEquals(b.received().length, 1);
  rig.check();
});
