/** Ports in one process that exchange packets over real memory, rings and sockets. */

import { assert, assertEquals } from "@std/assert";
import { PostResult } from "../../../src/hca/post_result.ts";
import { RxFlag } from "../../../src/hca/rx_batch.ts";
import { broadcastMgid } from "../../../src/wire/mgid.ts";
import { join } from "./join.ts";
import { post, QKEY } from "./post.ts";
import { memoryOf, Subnet } from "./subnet.ts";

const MGID = broadcastMgid(0xffff);

const bytes = (n: number) => new Uint8Array(64).fill(n);

Deno.test("a port registers, becomes active, and gets a snapshot of the subnet", () => {
  using subnet = new Subnet();
  const [a, b] = subnet.openAll(0x11n, 0x12n);
  assertEquals([a!.attributes.portGuid, b!.attributes.portGuid], [
    0x11n,
    0x12n,
  ]);
  assert(a!.attributes.lid !== b!.attributes.lid);
  assertEquals(a!.attributes.pkeys, [0xffff, 0x8001, 0x8002]);
  assertEquals(subnet.ports[0]!.events, [{ type: "port_active" }]);
  let shown = 0;
  a!.showSubnet((snapshot) => shown = snapshot.ports.length);
  subnet.until(() => shown > 0);
  assertEquals(shown, 2);
});

Deno.test("a port whose GUID is taken gets another one, or is refused if its GUID is fixed", () => {
  using subnet = new Subnet();
  const [a, b] = subnet.openAll(0x11n, 0x11n);
  assert(a!.attributes.portGuid !== b!.attributes.portGuid);
  const c = subnet.open(0x11n, { guidFixed: true });
  subnet.until(() => c.events.length > 0);
  assertEquals(c.events[0]!.type, "device_fatal");
  assertEquals(c.port.attributes.state, "init");
});

Deno.test("a packet is received, and its slot returned", () => {
  using subnet = new Subnet();
  const [a, b] = subnet.openAll(0x11n, 0x12n);
  const sender = { port: a!, qp: subnet.receiver(a!).qp };
  const { qp, taken } = subnet.receiver(b!);
  const to = { dlid: b!.attributes.lid, qpn: qp.qpn };
  assertEquals(post(sender, to, bytes(7)), PostResult.Sent);
  subnet.until(() => taken.length === 1);
  assertEquals(taken[0]!.payload, bytes(7));
  assertEquals(
    [taken[0]!.sourceQpn, taken[0]!.sourceLid, taken[0]!.flags],
    [sender.qp.qpn, a!.attributes.lid, 0],
  );
  subnet.until(() => {
    memoryOf(a!).collect();
    return memoryOf(a!).free === memoryOf(a!).slots;
  }, "the slot's return");
  assertEquals(a!.counters().xmit_packets, 1);
  assertEquals(b!.counters().rcv_packets, 1);
});

Deno.test("a thousand packets, more than the rings hold, pass in each direction in order", () => {
  using subnet = new Subnet();
  const ends = subnet.openAll(0x11n, 0x12n).map((port) => ({
    port,
    ...subnet.receiver(port),
  }));
  let sent = 0;
  for (let n = 0; n < 1000; n++) {
    for (const [from, to] of [[0, 1], [1, 0]] as const) {
      const { port, qp } = ends[to]!;
      const target = { dlid: port.attributes.lid, qpn: qp.qpn };
      const payload = bytes(n & 255);
      let result = post(ends[from]!, target, payload);
      while (result === undefined) {
        subnet.reactor.turn(1);
        result = post(ends[from]!, target, payload);
      }
      assertEquals(result, PostResult.Sent);
      sent++;
    }
  }
  subnet.until(() => ends[0]!.taken.length + ends[1]!.taken.length === sent);
  for (const { taken } of ends) {
    taken.forEach(({ payload }, n) => assertEquals(payload[0], n & 255));
  }
});

Deno.test("a packet to the port's own LID reaches the port's other queue pair", () => {
  using subnet = new Subnet();
  const [a] = subnet.openAll(0x11n);
  const one = subnet.receiver(a!);
  const two = subnet.receiver(a!);
  post({ port: a!, qp: one.qp }, {
    dlid: a!.attributes.lid,
    qpn: two.qp.qpn,
  }, bytes(3));
  subnet.until(() => two.taken.length === 1);
  assertEquals(one.taken.length, 0);
});

Deno.test("a multicast packet reaches each member once, the sender only if another queue pair is attached", () => {
  using subnet = new Subnet();
  const ports = subnet.openAll(0x11n, 0x12n, 0x13n);
  const [a, b, c] = ports.map((port) => ({ port, ...subnet.receiver(port) }));
  const mlid = join(subnet, a!.port).mlid;
  join(subnet, b!.port);
  a!.qp.attachMulticast(MGID, mlid);
  b!.qp.attachMulticast(MGID, mlid);
  subnet.settle();
  const to = { dlid: mlid, qpn: 0xffffff, mgid: MGID };
  assertEquals(post(a!, to, bytes(1)), PostResult.Sent);
  subnet.until(() => b!.taken.length === 1);
  subnet.settle();
  assertEquals(b!.taken[0]!.flags, RxFlag.Grh | RxFlag.Multicast);
  assertEquals([a!.taken.length, c!.taken.length], [0, 0]);
  assertEquals(c!.port.counters().rcv_packets, 0, "not a member");
  // With a second attached queue pair, the sender's port gets its own packets.
  const second = subnet.receiver(a!.port);
  second.qp.attachMulticast(MGID, mlid);
  post(a!, to, bytes(2));
  subnet.until(() => second.taken.length === 1 && b!.taken.length === 2);
  assertEquals(a!.taken.length, 1, "loopback: the engine filters echoes");
  subnet.until(() => {
    memoryOf(a!.port).collect();
    return memoryOf(a!.port).free === memoryOf(a!.port).slots;
  });
});

Deno.test("the slot of a packet that 257 queue pairs of a port receive is returned once, after the last", () => {
  using subnet = new Subnet();
  const [from, to] = subnet.openAll(0x11n, 0x12n);
  const sender = subnet.receiver(from!);
  const { mlid } = join(subnet, from!);
  join(subnet, to!);
  const receivers = Array.from({ length: 257 }, () => subnet.receiver(to!));
  for (const { qp } of receivers) qp.attachMulticast(MGID, mlid);
  const received = () =>
    receivers.reduce((sum, { taken }) => sum + taken.length, 0);
  for (let packets = 1; packets <= 2; packets++) {
    post(
      { port: from!, qp: sender.qp },
      { dlid: mlid, qpn: 0xffffff, mgid: MGID },
      new Uint8Array([packets]),
    );
    subnet.until(() => received() === 257 * packets, "all copies");
  }
  subnet.settle();
  memoryOf(from!).collect();
  assertEquals(memoryOf(from!).free, memoryOf(from!).slots);
  assertEquals(from!.counters().ring_violations, 0);
});

Deno.test("a wrong Q_Key, QPN or P_Key is counted by the receiver", () => {
  using subnet = new Subnet();
  const [a, b] = subnet.openAll(0x11n, 0x12n);
  const sender = { port: a!, qp: subnet.receiver(a!).qp };
  const { qp, taken } = subnet.receiver(b!);
  const memory = a!.openSendMemory();
  const other = a!.createUdQp({ memory, pkeyIndex: 1, recvQueueSize: 2 });
  const to = { dlid: b!.attributes.lid, qpn: qp.qpn };
  post(sender, { ...to, qkey: 2 }, bytes(1));
  post(sender, { ...to, qpn: 0x999 }, bytes(1));
  post({ port: a!, qp: other, memory }, to, bytes(1));
  subnet.until(() => b!.counters().pkey_violations === 1);
  const { qkey_violations, bad_qpn, rcv_packets } = b!.counters();
  assertEquals([qkey_violations, bad_qpn, rcv_packets], [1, 1, 0]);
  assertEquals(taken, []);
});

Deno.test("a Q_Key with bit 31 stands for the queue pair's own", () => {
  using subnet = new Subnet();
  const [a, b] = subnet.openAll(0x11n, 0x12n);
  const { qp, taken } = subnet.receiver(b!, 0x80001234);
  const sender = { port: a!, qp: subnet.receiver(a!, 0x80001234).qp };
  const to = { dlid: b!.attributes.lid, qpn: qp.qpn, qkey: 0x80000000 };
  post(sender, to, bytes(1));
  subnet.until(() => taken.length === 1);
});

Deno.test("a packet that cannot be sent is refused with a reason, and its slot freed", () => {
  using subnet = new Subnet();
  const lonely = subnet.open(0x11n);
  const early = { port: lonely.port, qp: subnet.receiver(lonely.port).qp };
  assertEquals(
    post(early, { dlid: 9, qpn: 1 }, bytes(1)),
    PostResult.NotReady,
  );
  subnet.until(() => lonely.port.attributes.state === "active");
  const sender = { port: lonely.port, qp: subnet.receiver(lonely.port).qp };
  assertEquals(
    post(sender, { dlid: 0x999, qpn: 1 }, bytes(1)),
    PostResult.Unreachable,
  );
  assertEquals(
    post(sender, { dlid: 9, qpn: 1 }, new Uint8Array(2045)),
    PostResult.TooLong,
  );
  sender.qp.close();
  sender.qp.close();
  assertEquals(
    post(sender, { dlid: 9, qpn: 1 }, bytes(1)),
    PostResult.NotReady,
  );
  const { xmit_not_ready, xmit_unreachable, xmit_too_long } = lonely.port
    .counters();
  assertEquals([xmit_not_ready, xmit_unreachable, xmit_too_long], [2, 1, 1]);
  assertEquals(memoryOf(lonely.port).free, memoryOf(lonely.port).slots);
});

Deno.test("a closed peer's slots are freed, and it is unreachable until a port registers with its GUID", () => {
  using subnet = new Subnet();
  const [a, b] = subnet.openAll(0x11n, 0x12n);
  const sender = { port: a!, qp: subnet.receiver(a!).qp };
  // The queue pair is not polled, so the peer holds the slots.
  const idle = b!.createUdQp({
    memory: memoryOf(b!),
    pkeyIndex: 0,
    recvQueueSize: 256,
  });
  idle.setQkey(QKEY);
  const to = { dlid: b!.attributes.lid, qpn: idle.qpn };
  for (let n = 0; n < 10; n++) post(sender, to, bytes(n));
  subnet.settle();
  assertEquals(memoryOf(a!).free, memoryOf(a!).slots - 10);
  b!.close();
  b!.close();
  subnet.until(
    () => memoryOf(a!).free === memoryOf(a!).slots,
    "the slots' return",
  );
  assertEquals(a!.counters().links_lost, 1);
  assertEquals(post(sender, to, bytes(1)), PostResult.Unreachable);
  // A new port registers with the same GUID.
  const [again] = subnet.openAll(0x12n);
  const { qp, taken } = subnet.receiver(again!);
  subnet.settle(120);
  post(sender, { dlid: again!.attributes.lid, qpn: qp.qpn }, bytes(4));
  subnet.until(() => taken.length === 1);
});

Deno.test("packets to a peer that returns no slots are dropped beyond its share, those to another peer are not", () => {
  using subnet = new Subnet();
  const [a, b, c] = subnet.openAll(0x11n, 0x12n, 0x13n);
  const sender = { port: a!, qp: subnet.receiver(a!).qp };
  const idle = b!.createUdQp({
    memory: memoryOf(b!),
    pkeyIndex: 0,
    recvQueueSize: 1024,
  });
  idle.setQkey(QKEY);
  const live = subnet.receiver(c!);
  const toIdle = { dlid: b!.attributes.lid, qpn: idle.qpn };
  const toLive = { dlid: c!.attributes.lid, qpn: live.qp.qpn };
  const { slots } = memoryOf(a!);
  let sent = 0;
  let dropped = 0;
  let toLiveSent = 0;
  const sendBoth = () => {
    const result = post(sender, toIdle, bytes(1));
    if (result === PostResult.Sent) sent++;
    if (result === PostResult.NoCredit) dropped++;
    if (post(sender, toLive, bytes(2)) === PostResult.Sent) toLiveSent++;
  };
  subnet.until(() => {
    sendBoth();
    return dropped > 0;
  }, "a drop beyond the share");
  const before = toLiveSent;
  subnet.until(() => {
    sendBoth();
    return toLiveSent > before + 100 && sent >= slots / 2;
  }, "a hundred packets to the other peer, and half of the slots to this one");
  assert(sent < slots, `${sent} of ${slots}`);
  subnet.until(() => live.taken.length === toLiveSent);
  // The peer returns the slots that it holds.
  const batch = idle.createBatch();
  idle.onReceive = () => {
    while (idle.poll(batch)) idle.release(batch);
  };
  idle.onReceive();
  subnet.until(() => {
    memoryOf(a!).collect();
    return memoryOf(a!).free === slots;
  });
  assertEquals(post(sender, toIdle, bytes(3)), PostResult.Sent);
});

Deno.test("packets that wait for credit are sent when slots are returned, without a reservation", () => {
  using subnet = new Subnet();
  const [a, b] = subnet.openAll(0x11n, 0x12n);
  const sender = { port: a!, qp: subnet.receiver(a!).qp };
  const idle = b!.createUdQp({
    memory: memoryOf(b!),
    pkeyIndex: 0,
    recvQueueSize: 1024,
  });
  idle.setQkey(QKEY);
  const to = { dlid: b!.attributes.lid, qpn: idle.qpn };
  // The first packet opens the link; its budget is full.
  post(sender, to, bytes(0));
  subnet.settle(10);
  let sent = 1;
  while (!memoryOf(a!).held) {
    assertEquals(post(sender, to, bytes(sent++)), PostResult.Sent);
  }
  assertEquals(memoryOf(a!).starved, false, "no reservation has failed");
  a!.flush();
  let taken = 0;
  const batch = idle.createBatch();
  idle.onReceive = () => {
    while (idle.poll(batch)) {
      taken += batch.count;
      idle.release(batch);
    }
  };
  let turns = 0;
  while (memoryOf(a!).held) {
    subnet.reactor.turn(-1);
    turns++;
  }
  subnet.until(() => taken === sent);
  assertEquals(a!.counters().xmit_no_credit, 0);
  // A port that polled for credit instead of sleeping would take many more turns.
  assert(turns < 20, `${turns} turns`);
});

Deno.test("a port without a manager reports it and keeps retrying", () => {
  using subnet = new Subnet(false);
  const lost = subnet.open(0x11n);
  subnet.settle(130);
  assert(lost.missing.length >= 2);
  assertEquals(lost.port.attributes.state, "init");
  subnet.startManager();
  subnet.until(() => lost.port.attributes.state === "active");
});

Deno.test("a snapshot requested while there is no manager comes from the next one", () => {
  using subnet = new Subnet();
  const [port] = subnet.openAll(0x11n);
  subnet.killManager();
  subnet.until(() => subnet.ports[0]!.missing.length > 0);
  const shown: number[] = [];
  port!.showSubnet(({ ports }) => shown.push(ports.length));
  subnet.settle(10);
  assertEquals(shown, []);
  Deno.removeSync(subnet.socket);
  subnet.startManager();
  subnet.until(() => shown.length > 0, "the snapshot");
  assertEquals(shown, [1]);
});

Deno.test("traffic continues without a manager, and the next one takes over LIDs and groups", () => {
  using subnet = new Subnet();
  const [a, b] = subnet.openAll(0x11n, 0x12n);
  const ends = [a!, b!].map((port) => ({ port, ...subnet.receiver(port) }));
  const { mlid } = join(subnet, a!);
  join(subnet, b!);
  for (const { qp } of ends) qp.attachMulticast(MGID, mlid);
  subnet.settle();
  const lids = [a!.attributes.lid, b!.attributes.lid];
  subnet.killManager();
  Deno.removeSync(subnet.socket);
  subnet.until(() => subnet.ports[0]!.missing.length > 0);
  const send = () => {
    post(ends[0]!, { dlid: lids[1]!, qpn: ends[1]!.qp.qpn }, bytes(1));
    post(ends[0]!, { dlid: mlid, qpn: 0xffffff, mgid: MGID }, bytes(2));
  };
  send();
  subnet.until(() => ends[1]!.taken.length === 2, "traffic without a manager");
  assertEquals(a!.attributes.state, "active");
  subnet.startManager();
  const reregistered = (n: number) =>
    subnet.ports[n]!.events.some(({ type }) => type === "client_reregister");
  subnet.until(() => reregistered(0) && reregistered(1));
  assertEquals([a!.attributes.lid, b!.attributes.lid], lids);
  const group = subnet.host!.manager.snapshot().groups.find((g) =>
    g.mlid === mlid
  );
  assertEquals(group?.members.map(({ lid }) => lid).sort(), [...lids].sort());
  send();
  subnet.until(() => ends[1]!.taken.length === 4);
});
