/** Tests of the fake fabric: delivery, drops, and the record of misuse. */

import { assertEquals, assertThrows } from "@std/assert";
import { FakeFabric, type FakePort } from "../../src/hca/fake.ts";
import { PostResult } from "../../src/hca/post_result.ts";
import { broadcastMgid } from "../../src/wire/mgid.ts";

const MGID = broadcastMgid(0xffff);
const options = { pkeyIndex: 0, recvQueueSize: 2 };

function pair() {
  const fabric = new FakeFabric();
  const [a, b] = [fabric.addPort(), fabric.addPort()];
  const [from, to] = [a.createUdQp(options), b.createUdQp(options)];
  to.setQkey(7);
  const handle = a.createAddressHandle({
    dlid: b.attributes.lid,
    sl: 0,
    staticRate: 0,
  });
  const post = (length: number, qkey = 7, qpn = to.qpn, ah = handle) => {
    const slot = a.send.reserve();
    const { payload } = a.send.layout;
    a.send.bytes.fill(length, slot * a.send.stride + payload);
    return from.post(slot, length, ah, qpn, qkey);
  };
  return { fabric, a, b, from, to, handle, post };
}

function isEmpty(port: FakePort): boolean {
  return port.send.free === port.send.slots;
}

Deno.test("flush() delivers a packet, which stays in its sender's slot until it is released", () => {
  const { fabric, a, to, post } = pair();
  assertEquals(post(5), PostResult.Sent);
  const batch = to.createBatch();
  assertEquals(to.poll(batch), 0);
  a.flush();
  assertEquals(to.poll(batch), 1);
  assertEquals([batch.length[0], isEmpty(a)], [5, false]);
  const frame = fabric.resolve(batch.vnetAddress[0]!, 26 + 5);
  assertEquals(frame.slice(26), new Uint8Array(5).fill(5));
  assertEquals(to.sourceGid(batch, 0, new Uint8Array(16)), false);
  to.release(batch);
  assertEquals([isEmpty(a), fabric.misuse], [true, []]);
});

Deno.test("dropped packets are counted by reason", () => {
  const { fabric, a, b, post } = pair();
  post(5, 8);
  post(5, 7, 0x999);
  post(5);
  post(5);
  post(5);
  fabric.settle();
  const { qkey_violations, bad_qpn, rcv_packets, rcv_no_buffer } = b
    .counters();
  assertEquals(
    [qkey_violations, bad_qpn, rcv_packets, rcv_no_buffer],
    [1, 1, 2, 1],
  );
  b.close();
  assertEquals([isEmpty(a), b.qps.size], [true, 0]);
});

Deno.test("a multicast packet is delivered with a forwarding entry and an attached queue pair only", () => {
  const { fabric, a, b, to, post } = pair();
  const grh = {
    dgid: MGID,
    flowLabel: 0,
    hopLimit: 0,
    trafficClass: 0,
    sgidIndex: 0,
  };
  const group = a.createAddressHandle({
    dlid: 0xc001,
    sl: 0,
    staticRate: 0,
    grh,
  });
  const send = () => {
    post(5, 7, 0xffffff, group);
    fabric.settle();
  };
  send();
  fabric.groups.set(0xc001, [b.attributes.lid]);
  send();
  assertEquals(b.counters().multicast_filtered, 1);
  to.attachMulticast(MGID, 0xc001);
  send();
  const batch = to.createBatch();
  assertEquals(to.poll(batch), 1);
  const gid = new Uint8Array(16);
  assertEquals(to.sourceGid(batch, 0, gid), true);
  assertEquals(gid, a.attributes.gid);
  to.release(batch);
  to.detachMulticast(MGID, 0xc001);
  send();
  assertEquals(b.counters().multicast_filtered, 2);
  assertEquals([isEmpty(a), fabric.misuse], [true, []]);
});

Deno.test("misuse is recorded", () => {
  const { fabric, a, from, to, handle, post } = pair();
  to.detachMulticast(MGID, 0xc001);
  handle.destroy();
  handle.destroy();
  post(5);
  a.send.unreserve(3);
  const other = a.createAddressHandle({ dlid: 1, sl: 0, staticRate: 0 });
  from.post(4, 5, other, 1, 1);
  assertEquals(fabric.misuse, [
    "a queue pair was detached from a group without being attached",
    "an address handle was destroyed twice",
    "a destroyed address handle was used",
    "slot 3 was freed while it was free",
    "slot 4 was posted without being reserved",
  ]);
});

Deno.test("resolve() refuses an address that is not of a frame, and a length beyond the slot", () => {
  const { fabric, a } = pair();
  const [first] = a.send.vnetAddress;
  for (const wrong of [0n, first! + 1n, first! << 8n]) {
    assertThrows(() => fabric.resolve(wrong, 1), RangeError);
  }
  assertThrows(() => fabric.resolve(first!, 70_000), RangeError);
});

Deno.test("slots can be withheld, and the credit listeners are called once when slots are free again", () => {
  const { fabric, a } = pair();
  let credits = 0;
  a.onCredit(() => credits++);
  a.send.withhold = "normal";
  assertEquals([a.send.reserve(), a.send.reserve(true) >= 0], [-1, true]);
  fabric.settle();
  assertEquals(credits, 0);
  a.send.withhold = "nothing";
  fabric.settle();
  fabric.settle();
  assertEquals(credits, 1);
});
