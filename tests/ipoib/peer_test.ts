/** Peers: sharing by several addresses, loss, idle removal, and failed path queries. */

import { PortMemberships } from "../../src/sa/port_memberships.ts";
import { assert, assertEquals } from "@std/assert";
import { IDLE_MS, MAX_KERNEL_CHANGES } from "../../src/ipoib/constants.ts";
import { LinkIdentity } from "../../src/ipoib/link_identity.ts";
import { PathTable } from "../../src/ipoib/path.ts";
import { PeerTable } from "../../src/ipoib/peer.ts";
import { Statistics } from "../../src/ipoib/statistics.ts";
import { debugOff } from "./debug_off.ts";
import { defaultLimits } from "./default_limits.ts";
import { PacketSender } from "../../src/ipoib/packet_sender.ts";
import { ArpOperation, arpRequest } from "../../src/wire/arp.ts";
import { parseDeviceArp } from "../../src/wire/device_arp.ts";
import { FRAME_HEADER_LENGTH } from "../../src/wire/ethernet.ts";
import { IpAddress } from "../../src/wire/ip_address.ts";
import {
  GARBAGE,
  kernelArp,
  muteKernel,
  transmit,
} from "./neighbour/kernel_arp.ts";
import { arpOf, arpReply, type Host, ip, ipv4Frame, Rig } from "./rig.ts";
import { viewOf } from "../wire/support.ts";
import { SaAttribute } from "../../src/wire/sa/sa_mad.ts";
import { Method } from "../../src/wire/mad.ts";
import { NO_EVENTS } from "./no_events.ts";

const TO_B = ipv4Frame("10.0.0.1", "10.0.0.2");
const UNREACHABLE = 1;

/** Drops all path queries and their responses. */
function losePaths(rig: Rig): void {
  rig.subnet!.lose = ({ attributeId }) =>
    attributeId === SaAttribute.PathRecord;
}

/** Makes the next post of the host fail with `Unreachable`. */
function failOnce(host: Host): void {
  const qp = host.port.qps.get(host.link.qpn)!;
  const { post } = qp;
  qp.post = (...args) => {
    qp.post = post;
    host.port.postResult = UNREACHABLE;
    const result = qp.post(...args);
    host.port.postResult = 0;
    return result;
  };
}

Deno.test("two addresses with one link-layer address share a peer and its path", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  b.netdev.config.addAddress(ip("10.0.0.22"), 24);
  rig.settle();
  a.send(TO_B, ipv4Frame("10.0.0.1", "10.0.0.22"));
  const { peer } = a.neighbour("10.0.0.2")!;
  assert(peer === a.neighbour("10.0.0.22")!.peer);
  assertEquals([peer!.followers.size, a.link.paths.entries().length], [2, 1]);
  assertEquals(b.received().length, 2);
  rig.check();
});

Deno.test("the kernel is made to resolve all addresses of an unreachable peer, and no others", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  b.netdev.config.addAddress(ip("10.0.0.22"), 24);
  const c = rig.host({ address: "10.0.0.3" });
  const frames = ["10.0.0.2", "10.0.0.22", "10.0.0.3"].map((to) =>
    ipv4Frame("10.0.0.1", to)
  );
  a.send(...frames);
  b.received();
  c.received();
  const { changes } = a.netdev.config.neighbours;
  assertEquals(changes, []);
  failOnce(a);
  a.send(TO_B);
  assertEquals(a.drops, { tx_unreachable: 1 });
  assertEquals([...changes].sort(), ["resolve 10.0.0.2", "resolve 10.0.0.22"]);
  rig.settle();
  a.send(...frames);
  assertEquals([b.received().length, c.received().length], [2, 1]);
  rig.check();
});

Deno.test("addresses of an unreachable peer over the rate limit are resolved with their next packet", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  muteKernel(b);
  a.netdev.config.addAddress(ip("10.7.255.1"), 16);
  const total = MAX_KERNEL_CHANGES + 10;
  const addresses = Array.from(
    { length: total },
    (_, i) => `10.7.${i >> 8}.${i & 0xff}`,
  );
  const { neighbours } = a.link;
  const kernel = a.netdev.config.neighbours;
  for (const address of addresses) {
    const entry = neighbours.onKernelRequest(
      IpAddress.ipv4(ip(address)),
      false,
    );
    neighbours.learn(entry.address, b.address, "reply");
    kernel.set(ip(address), "REACHABLE");
    // The kernel's probe is not answered, so a request stays pending.
    transmit(
      a,
      kernelArp(ArpOperation.Request, "10.7.255.1", address, GARBAGE),
    );
  }
  rig.advance(1000);
  const resolved = new Set<number>();
  kernel.resolve = ({ w3 }) => {
    resolved.add(w3);
    return true;
  };
  failOnce(a);
  transmit(a, ipv4Frame("10.7.255.1", addresses[0]!));
  assertEquals(resolved.size, MAX_KERNEL_CHANGES);
  rig.advance(1000);
  const left = addresses.filter((address) => !resolved.has(ip(address)));
  transmit(a, ...left.map((to) => ipv4Frame("10.7.255.1", to)));
  assertEquals(resolved.size, total);
  rig.check();
});

Deno.test("packets of a queue that is being sent are queued again if the peer becomes unreachable", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  rig.subnet!.lose = ({ attributeId, method }) =>
    attributeId === SaAttribute.PathRecord && method === Method.Get && waiting;
  let waiting = false;
  a.netdev.config.neighbours.set(ip("10.0.0.2"), "PERMANENT");
  const s = IpAddress.ipv4(ip("10.0.0.50"));
  a.link.neighbours.hold(s, b.address);
  waiting = true;
  const frame = ipv4Frame("10.0.0.1", "10.0.0.50");
  a.send(frame, frame, frame);
  failOnce(a);
  waiting = false;
  rig.advance(1200);
  assertEquals(a.drops, { tx_unreachable: 1 });
  assertEquals(b.received().length, 2);
  rig.check();
});

Deno.test("packets of address resolution that are being sent are queued again if the peer becomes unreachable", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  losePaths(rig);
  const frames = muteKernel(b);
  const request = kernelArp(ArpOperation.Request, "10.0.0.2", "10.0.0.1");
  transmit(b, request, request, request);
  assertEquals(frames, []);
  failOnce(a);
  rig.subnet!.lose = () => false;
  rig.advance(1200);
  const operations = frames.map((frame) =>
    parseDeviceArp(viewOf(frame), FRAME_HEADER_LENGTH, frame.length)?.operation
  );
  assertEquals(
    operations.filter((each) => each === ArpOperation.Reply).length,
    2,
  );
  assertEquals(a.drops, { tx_unreachable: 1 });
  rig.check();
});

Deno.test("a peer without followers is removed after a minute without packets, others are kept", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const { reactor } = rig;
  const { port, sa } = a;
  const statistics = new Statistics();
  const sender = new PacketSender(port.send, statistics, debugOff());
  sender.qp = port.qps.get(a.link.qpn)!;
  const context = { reactor, port, sa, memberships: new PortMemberships(sa) };
  const identity = new LinkIdentity(port);
  const limits = defaultLimits(reactor.clock);
  const paths = new PathTable(
    context,
    identity,
    a.link.groups,
    statistics,
    debugOff(),
    NO_EVENTS,
    limits,
  );
  const peers = new PeerTable(reactor, sender, paths, limits, port);
  const [used, followed, idle] = [1, 2, 3].map((qpn) => {
    const peer = peers.get({ ...b.address, qpn });
    peers.resolve(peer);
    return peer;
  });
  rig.settle();
  followed!.followers.add({ egress: followed!.egress });
  for (let i = 0; i < 4; i++) {
    assertEquals(peers.size, i < 2 ? 3 : 2);
    rig.advance(IDLE_MS / 2);
    sender.now = reactor.clock.now();
    used!.egress.send(port.send.reserve(), 20);
  }
  rig.advance(2 * IDLE_MS);
  assertEquals(peers.size, 1);
  assert(peers.get(followed!.address) === followed);
  assert(peers.get(idle!.address) !== idle);
  assertEquals(paths.entries().length, 1, "paths do not expire");
  rig.check();
});

Deno.test("a failed path query drops the waiting packets, and the next packet repeats it", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  losePaths(rig);
  muteKernel(b);
  a.send(TO_B, TO_B);
  const request = arpRequest(a.address, ip("10.0.0.1"), ip("10.0.0.2"));
  a.receiveArp(b, arpReply(request, b.address));
  assertEquals(a.nud("10.0.0.2"), "REACHABLE");
  const { peer } = a.neighbour("10.0.0.2")!;
  assertEquals([peer!.queue.length, peer!.resolving, a.drops], [2, true, {}]);
  rig.advance(1100);
  assertEquals([peer!.queue.length, peer!.resolving], [0, false]);
  assertEquals(a.drops, { tx_path_failed: 2 });
  assertEquals(a.link.paths.entries()[0]!.failure, 110);
  rig.subnet!.lose = () => false;
  a.send(TO_B);
  assertEquals(b.received().length, 1);
  rig.check();
});

Deno.test("an ARP reply of the kernel waits for the path to the requester and is dropped if the query fails", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  losePaths(rig);
  const request = kernelArp(ArpOperation.Request, "10.0.0.2", "10.0.0.1");
  transmit(b, request);
  assertEquals(a.posted().filter(arpOf), []);
  rig.advance(1100);
  assertEquals(a.drops, { tx_path_failed: 1 });
  rig.subnet!.lose = () => false;
  transmit(b, request);
  assertEquals(a.arps().map(({ operation }) => operation), [2]);
  rig.check();
});
