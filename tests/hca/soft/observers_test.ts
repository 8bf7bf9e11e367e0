/** Observers of ports that exchange packets over real memory. */

import { assertEquals } from "@std/assert";
import { PostResult } from "../../../src/hca/post_result.ts";
import { SLOTS, STRIDE, VNET } from "../../../src/hca/soft/slot_layout.ts";
import { formatGid } from "../../../src/wire/gid.ts";
import { broadcastMgid } from "../../../src/wire/mgid.ts";
import { frameOf, large } from "../../wire/large_send_packet.ts";
import { observe, type Seen } from "../observed.ts";
import { join } from "./join.ts";
import { post, QKEY } from "./post.ts";
import { memoryOf, Subnet } from "./subnet.ts";

/** Turns in which a packet arrives if the port knows its group. */
const TURNS = 20;
const MGID = broadcastMgid(0xffff);

function bytes(count: number): Uint8Array {
  return new Uint8Array(count).fill(count);
}

class Bench implements Disposable {
  readonly subnet = new Subnet();
  readonly a;
  readonly b;

  constructor() {
    const [a, b] = this.subnet.openAll(0x11n, 0x12n);
    this.a = { port: a!, ...this.subnet.receiver(a!) };
    this.b = { port: b!, ...this.subnet.receiver(b!) };
  }

  /** Sends from the first port to the second, and waits for the packet. */
  send(payload: Uint8Array): void {
    const { a, b } = this;
    const before = b.taken.length;
    const to = { dlid: b.port.attributes.lid, qpn: b.qp.qpn };
    assertEquals(post(a, to, payload), PostResult.Sent);
    this.subnet.until(() => b.taken.length > before, "the packet");
  }

  [Symbol.dispose](): void {
    this.subnet[Symbol.dispose]();
  }
}

Deno.test("an observer gets each packet once, with its headers", () => {
  using bench = new Bench();
  const { a, b } = bench;
  const [sent, received] = [observe(a.port), observe(b.port)];
  bench.send(bytes(61));
  bench.send(bytes(64));
  const { lid } = b.port.attributes;
  const expected = (length: number): Seen => ({
    direction: "sent",
    status: PostResult.Sent,
    qpn: a.qp.qpn,
    sl: 0,
    slid: a.port.attributes.lid,
    dlid: lid,
    words: (8 + 12 + 8 + 4 + 64 + 4) / 4,
    pad: 64 - length,
    pkey: 0xffff,
    destQpn: b.qp.qpn,
    qkey: QKEY,
    sourceQpn: a.qp.qpn,
    grh: undefined,
    encap: 0,
    payload: bytes(length),
    vnet: [0, 0, 0, 0, 0, 0],
  });
  const packets = [expected(61), expected(64)];
  assertEquals(sent.packets, packets);
  assertEquals(
    received.packets,
    packets.map((each) => ({
      ...each,
      direction: "received" as const,
      qpn: b.qp.qpn,
    })),
  );
});

Deno.test("an observer gets a packet that cannot be sent, with its headers and the result of the post", () => {
  using bench = new Bench();
  const { a, b } = bench;
  const { packets } = observe(a.port);
  const to = { dlid: b.port.attributes.lid, qpn: 0x77 };
  post(a, to, bytes(3000));
  post(a, { ...to, dlid: 0x999 }, bytes(5));
  assertEquals(
    packets.map(({ status, dlid, destQpn, payload }) =>
      [status, dlid, destQpn, payload.length] as const
    ),
    [
      [PostResult.TooLong, to.dlid, 0x77, 3000],
      [PostResult.Unreachable, 0x999, 0x77, 5],
    ],
  );
  assertEquals(memoryOf(a.port).free, SLOTS, "the slots are free again");
});

Deno.test("a large send has no lengths in its headers and keeps its virtio header", () => {
  using bench = new Bench();
  const { a, b } = bench;
  const [sent, received] = [observe(a.port), observe(b.port)];
  const handle = a.port.createAddressHandle({
    dlid: b.port.attributes.lid,
    sl: 0,
    staticRate: 0,
  });
  const slot = memoryOf(a.port).reserve();
  const base = slot * STRIDE;
  const frame = frameOf(large({ payload: new Uint8Array(8948) }));
  memoryOf(a.port).bytes.set(frame, base + VNET);
  a.qp.post(slot, 9000, handle, b.qp.qpn, QKEY);
  bench.subnet.until(() => b.taken.length > 0, "the packet");
  for (const { packets } of [sent, received]) {
    const [{ words, pad, payload, vnet }] = packets as [Seen];
    assertEquals([words, pad, payload.length], [0, 0, 9000]);
    assertEquals(vnet, [...frame.subarray(0, 6)]);
  }
});

Deno.test("a multicast packet is observed once when sent, and at each queue pair that receives it", () => {
  using bench = new Bench();
  const { subnet, a, b } = bench;
  const other = subnet.receiver(b.port);
  const { mlid } = join(subnet, b.port);
  for (const { qp } of [b, other]) qp.attachMulticast(MGID, mlid);
  const [sent, received] = [observe(a.port), observe(b.port)];
  const to = { dlid: mlid, qpn: 0xffffff, mgid: MGID };
  // Turns instead of a time: on a busy machine, a packet may arrive after the next one is posted.
  subnet.until(() => {
    post(a, to, bytes(8));
    for (let i = 0; i < TURNS && received.packets.length === 0; i++) {
      subnet.reactor.turn(2);
    }
    return received.packets.length > 0;
  }, "the group");
  assertEquals([b.taken.length, other.taken.length], [1, 1]);
  const packet = sent.packets.at(-1)!;
  assertEquals(packet.grh, {
    sgid: formatGid(a.port.attributes.gid),
    dgid: formatGid(MGID),
    bytes: 12 + 8 + 4 + 8 + 4,
    hops: 0,
  });
  assertEquals([packet.dlid, packet.destQpn], [mlid, 0xffffff]);
  assertEquals(
    received.packets,
    [b.qp.qpn, other.qp.qpn].map((qpn) => ({
      ...packet,
      direction: "received" as const,
      qpn,
    })),
  );
});

Deno.test("observers can be added and removed between packets", () => {
  using bench = new Bench();
  const { a, b } = bench;
  bench.send(bytes(1));
  const sent = observe(a.port);
  bench.send(bytes(2));
  const received = observe(b.port);
  bench.send(bytes(3));
  sent.end();
  bench.send(bytes(4));
  received.end();
  bench.send(bytes(5));
  const lengths = ({ packets }: { packets: Seen[] }) =>
    packets.map(({ payload }) => payload.length);
  assertEquals([lengths(sent), lengths(received)], [[2, 3], [3, 4]]);
});
