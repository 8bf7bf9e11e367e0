/** Connections to peers: establishment, packets meanwhile, fallback, reconnection, and their end. */

import { assert, assertEquals } from "@std/assert";
import {
  CONNECT_TIMEOUT_MS,
  FALLBACK_MS,
  IDLE_MS,
  STABLE_CONNECTION_MS,
} from "../../../src/ipoib/constants.ts";
import { RejectReason } from "../../../src/wire/cm/rej.ts";
import { ConnectionData } from "../../../src/wire/connection_data.ts";
import { ip, Rig } from "../rig.ts";
import { kernelArp, transmit } from "../neighbour/kernel_arp.ts";
import { ArpOperation } from "../../../src/wire/arp.ts";
import {
  connectedPair,
  connectionOf,
  counted,
  frameOf,
  rcQp,
  transports,
} from "./support.ts";

Deno.test("the first packet connects; later ones of up to 65,520 bytes use the connection", () => {
  const { rig, a, b } = connectedPair();
  a.send(frameOf(100));
  assertEquals(transports(a), ["ud 100"]);
  a.send(frameOf(100), frameOf(65_520));
  assertEquals(transports(a), ["rc 100", "rc 65520"]);
  assertEquals(b.received().map((packet) => packet.length), [100, 100, 65_520]);
  const active = connectionOf(a);
  assertEquals([active.state, active.mtu], ["established", 65_520]);
  assertEquals(active.remoteQpn, rcQp(b).qpn);
  assertEquals([counted(a), counted(b)], [
    { connections_opened: 1 },
    { connections_accepted: 1 },
  ]);
  const [request] = a.connections.sent;
  assertEquals(
    [request!.serviceId, request!.startingPsn],
    [0x1000000000000000n | BigInt(b.link.qpn), 0],
  );
  assertEquals(ConnectionData.parse(request!.privateData), {
    qpn: a.link.qpn,
    mtu: 65_524,
  });
  rig.check();
});

Deno.test("a request is for the GID that was asked for, also if the administrator answers with another one", () => {
  const { rig, a, b } = connectedPair();
  const { queryPath } = a.sa;
  const dgid = b.port.attributes.gid.slice();
  dgid[15]! ^= 0xff;
  a.sa.queryPath = (request, now, callback) =>
    queryPath.call(a.sa, request, now, (answer, at) => {
      assert(answer.ok);
      callback({ ...answer, record: { ...answer.record, dgid } }, at);
    });
  a.send(frameOf(100));
  assertEquals(a.connections.sent[0]!.path.dgid, b.port.attributes.gid);
  assertEquals(connectionOf(a).state, "established");
  rig.check();
});

Deno.test("each direction has a connection of its own", () => {
  const { rig, a, b } = connectedPair();
  a.send(frameOf(100));
  b.send(frameOf(100, "10.0.0.1", "10.0.0.2"));
  a.send(frameOf(100));
  b.send(frameOf(100, "10.0.0.1", "10.0.0.2"));
  assertEquals([transports(a), transports(b)], [
    ["ud 100", "rc 100"],
    ["ud 100", "rc 100"],
  ]);
  assertEquals([a.port.rcQps.size, b.port.rcQps.size], [2, 2]);
  rig.check();
});

Deno.test("until the connection is established, short packets are sent as datagrams and long ones wait", () => {
  const { rig, a, b } = connectedPair();
  b.connections.answer = "lose";
  a.send(frameOf(2044), frameOf(3000));
  assertEquals(transports(a), ["ud 2044"]);
  assertEquals(connectionOf(a).queue.length, 1);
  a.send(...Array.from({ length: 5 }, () => frameOf(60_000)));
  assertEquals(connectionOf(a).queue.length, 4);
  assertEquals(a.drops, { tx_connection_queue: 2 });
  rig.check();
});

Deno.test("long packets that waited are sent in order on the new connection", () => {
  const { rig, a, b } = connectedPair();
  a.send(frameOf(30_000), frameOf(100), frameOf(20_000));
  assertEquals(transports(a), ["ud 100", "rc 30000", "rc 20000"]);
  assertEquals(
    b.received().map((packet) => packet.length),
    [100, 30_000, 20_000],
  );
  rig.check();
});

Deno.test("a peer without the flag of RC is reached over UD, without a request", () => {
  const { rig, a } = connectedPair();
  rig.host({ address: "10.0.0.3" });
  a.send(frameOf(100, "10.0.0.3"));
  a.send(frameOf(100, "10.0.0.3"));
  assertEquals(transports(a), ["ud 100", "ud 100"]);
  assertEquals(a.connections.sent, []);
  rig.check();
});

Deno.test("an interface in datagram mode accepts connections and opens none", () => {
  const { rig, a, b } = connectedPair({ mode: "datagram" });
  a.link.connected.setMode("connected");
  a.send(frameOf(100));
  a.send(frameOf(100));
  b.send(frameOf(100, "10.0.0.1", "10.0.0.2"));
  b.send(frameOf(100, "10.0.0.1", "10.0.0.2"));
  assertEquals([transports(a), transports(b)], [
    ["ud 100", "rc 100"],
    ["ud 100", "ud 100"],
  ]);
  assertEquals(b.link.connected.passive!.size, 1);
  rig.check();
});

Deno.test("address resolution and multicast stay on UD", () => {
  const { rig, a } = connectedPair();
  a.send(frameOf(100));
  a.send(frameOf(100));
  transports(a);
  transmit(a, kernelArp(ArpOperation.Request, "10.0.0.1", "10.0.0.2"));
  a.send(frameOf(100, "239.1.1.1"));
  const posted = a.posted();
  assertEquals(posted.length > 1, true);
  assertEquals(posted.filter(({ connection }) => connection), []);
  rig.check();
});

Deno.test("after a refusal the peer is reached over UD for a minute", () => {
  const { rig, a, b } = connectedPair();
  b.connections.answer = RejectReason.Consumer;
  a.send(frameOf(100), frameOf(3000));
  assertEquals(connectionOf(a).state, "refused");
  assertEquals([a.connections.sent.length, a.drops], [1, { tx_too_long: 1 }]);
  b.connections.answer = undefined;
  rig.advance(FALLBACK_MS - 1000);
  a.send(frameOf(100));
  assertEquals(a.connections.sent.length, 1);
  rig.advance(1000);
  a.send(frameOf(100));
  assertEquals(connectionOf(a).state, "established");
  assertEquals(counted(a), {
    connections_opened: 1,
    connections_rejected: 1,
    connections_fallbacks: 1,
    too_big_sent: 1,
  });
  rig.check();
});

Deno.test("without an answer the peer is reached over UD after four seconds", () => {
  const { rig, a, b } = connectedPair();
  b.connections.answer = "lose";
  a.send(frameOf(3000));
  rig.advance(CONNECT_TIMEOUT_MS - 1);
  assertEquals(connectionOf(a).state, "connecting");
  rig.advance(1);
  assertEquals(connectionOf(a).state, "refused");
  assertEquals(a.drops, { tx_too_long: 1 });
  assertEquals(a.port.rcQps.size, 0);
  rig.check();
});

Deno.test("a request that no interface accepts yet is repeated for four seconds", () => {
  const { rig, a, b } = connectedPair();
  b.connections.answer = RejectReason.InvalidServiceId;
  a.send(frameOf(3000));
  rig.advance(1000);
  assertEquals(connectionOf(a).state, "paused");
  b.connections.answer = undefined;
  rig.advance(1000);
  assertEquals(connectionOf(a).state, "established");
  assertEquals(a.connections.sent.length, 5);
  assertEquals(transports(a), ["rc 3000"]);
  b.connections.answer = RejectReason.InvalidServiceId;
  rig.check();
});

Deno.test("the next packet connects again after the connection has ended", () => {
  const { rig, a, b } = connectedPair();
  a.send(frameOf(100));
  rig.advance(STABLE_CONNECTION_MS);
  b.link.connected.close();
  rig.settle();
  assertEquals([connectionOf(a).state, a.port.rcQps.size], ["idle", 0]);
  b.link.connected.open();
  a.send(frameOf(3000));
  assertEquals(connectionOf(a).state, "established");
  assertEquals(transports(a), ["ud 100", "rc 3000"]);
  rig.check();
});

Deno.test("a connection that fails again and again is opened at a limited rate, then not for a minute", () => {
  const { rig, a } = connectedPair();
  rig.fabric.lose = ({ connection }) => connection !== undefined;
  for (let ms = 0; ms < 10_000; ms += 10) {
    a.send(frameOf(100));
    rig.advance(10);
  }
  assertEquals(connectionOf(a).state, "refused");
  assertEquals(a.connections.sent.length, 7);
  assertEquals(counted(a), {
    connections_opened: 7,
    connections_failed: 7,
    connections_fallbacks: 1,
  });
  rig.check();
});

Deno.test("the peer's receive MTU limits the connection; one of 4 bytes or less is refused", () => {
  const { rig, a, b } = connectedPair();
  b.connections.replyData = ConnectionData.emit({ qpn: 1, mtu: 10_004 });
  a.send(frameOf(100));
  a.send(frameOf(10_000), frameOf(10_001));
  assertEquals(transports(a), ["ud 100", "rc 10000"]);
  assertEquals([connectionOf(a).mtu, a.drops], [10_000, { tx_too_long: 1 }]);
  const c = rig.host({
    address: "10.0.0.3",
    connections: true,
  });
  c.connections.replyData = ConnectionData.emit({ qpn: 1, mtu: 4 });
  a.send(frameOf(100, "10.0.0.3"));
  assertEquals(connectionOf(a, "10.0.0.3").state, "refused");
  rig.settle();
  assertEquals(c.link.connected.passive!.size, 0);
  rig.check();
});

Deno.test("a hundred hosts connect to one host, and it to them", () => {
  const rig = new Rig();
  const options = { connections: true, mode: "connected", slots: 8 } as const;
  const hub = rig.host({ ...options, address: "10.0.0.1", slots: 256 });
  const others = Array.from({ length: 100 }, (_, i) => `10.0.0.${i + 2}`).map(
    (address) => ({ address, host: rig.host({ ...options, address }) }),
  );
  for (const length of [100, 5000]) {
    for (const { address, host } of others) {
      host.inject(frameOf(length, "10.0.0.1", address));
      hub.inject(frameOf(length, address));
    }
    rig.settle();
  }
  const { active, passive } = hub.link.connected;
  assertEquals([active!.established, passive!.size], [100, 100]);
  assertEquals([hub.received().length, hub.drops], [200, {}]);
  for (const { host } of others) assertEquals(host.received().length, 2);
  rig.check();
});

Deno.test("without free queue pairs the peer is reached over UD", () => {
  const { rig, a } = connectedPair();
  a.port.maxRcQps = 0;
  a.send(frameOf(100));
  a.send(frameOf(100));
  assertEquals(transports(a), ["ud 100", "ud 100"]);
  assertEquals(connectionOf(a).state, "refused");
  rig.check();
});

Deno.test("a connection without packets ends after a minute, although the neighbour stays", () => {
  const { rig, a, b } = connectedPair();
  a.send(frameOf(100));
  rig.advance(IDLE_MS - 10);
  a.send(frameOf(100));
  rig.advance(IDLE_MS - 10);
  assertEquals(connectionOf(a).state, "established");
  rig.advance(20);
  assertEquals(connectionOf(a).state, "idle");
  assertEquals([a.port.rcQps.size, b.port.rcQps.size], [0, 0]);
  a.send(frameOf(100));
  assertEquals(connectionOf(a).state, "established");
  rig.check();
});

Deno.test("a light flush keeps the connection; a change of the peer's LID ends it", () => {
  const { rig, a, b } = connectedPair();
  a.send(frameOf(100));
  const qp = rcQp(a);
  a.port.emit({ type: "client_reregister" });
  rig.settle();
  assertEquals([rcQp(a), connectionOf(a).state], [qp, "established"]);
  rig.advance(2000);
  const { portGuid } = b.port.attributes;
  rig.subnet!.manager.moveLid(portGuid, 0x40, rig.reactor.clock.now());
  rig.settle();
  assertEquals([connectionOf(a).state, a.port.rcQps.size], ["idle", 0]);
  a.send(frameOf(3000));
  assertEquals(connectionOf(a).state, "established");
  rig.check();
});

Deno.test("the end of the link ends the connections of both directions", () => {
  const { rig, a, b } = connectedPair();
  a.send(frameOf(100));
  b.send(frameOf(100, "10.0.0.1", "10.0.0.2"));
  assertEquals([a.port.rcQps.size, b.port.rcQps.size], [2, 2]);
  a.netdev.change({ up: false });
  rig.settle();
  assertEquals([a.port.rcQps.size, b.port.rcQps.size], [0, 0]);
  assertEquals(a.connections.listeners.size, 0);
  a.netdev.change({ up: true });
  rig.settle();
  assertEquals(a.connections.listeners.size, 2);
  a.netdev.config.addAddress(ip("10.0.0.1"), 24);
  a.device.close();
  rig.settle();
  assertEquals(a.connections.listeners.size, 0);
});
