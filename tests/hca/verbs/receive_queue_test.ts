import { assert, assertEquals } from "@std/assert";
import { bytesAt } from "../../../ffi/libc.ts";
import { FakeFabric } from "../../../src/hca/fake.ts";
import type { PortAttributes } from "../../../src/hca/port_attributes.ts";
import { PostResult } from "../../../src/hca/post_result.ts";
import type { RcConnection } from "../../../src/hca/rc_qp.ts";
import { RxFlag } from "../../../src/hca/rx_batch.ts";
import { PacketObservers } from "../../../src/hca/packet_observers.ts";
import type { Attached } from "../../../src/hca/verbs/attached_groups.ts";
import type { ObservedConnection } from "../../../src/hca/verbs/connected_packet_publisher.ts";
import { VerbsCounters } from "../../../src/hca/verbs/counters.ts";
import { UdPacketPublisher } from "../../../src/hca/verbs/ud_packet_publisher.ts";
import { ReceiveBuffers } from "../../../src/hca/verbs/receive_buffers.ts";
import { CONNECTED_BUFFER } from "../../../src/hca/verbs/receive_memory.ts";
import {
  type ConnectedReceivers,
  ReceiveQueue,
} from "../../../src/hca/verbs/receive_queue.ts";
import { formatGid } from "../../../src/wire/gid.ts";
import { Lrh } from "../../../src/wire/lrh.ts";
import { type Seen, seen } from "../observed.ts";
import {
  type FakeCompletion,
  FakeCompletions,
  FakeVerbs,
} from "./fake_verbs.ts";

const BUFFERS = 8;
const { attributes } = new FakeFabric().addPort({ lid: 0x40 });
const GRH = 1;
/** The remote end of the connections. */
const REMOTE = {
  path: { dlid: 9, sl: 3, staticRate: 2 },
  ...{ pathMtu: 2048, destQpn: 0x48, sendPsn: 0, receivePsn: 0 },
  ...{ ackTimeout: 14, retryCount: 3, rnrRetryCount: 6 },
} as RcConnection;

/** A receive queue on a fake device, with connections. */
class Rig implements Disposable, ConnectedReceivers {
  readonly verbs = new FakeVerbs();
  readonly cq = new FakeCompletions();
  readonly counters = new VerbsCounters();
  readonly observers = new PacketObservers();
  /** The attributes of its queue pair, for observers. */
  readonly qp = {
    qpn: 0x77,
    pkey: 0x8001,
    qkey: 0xb1b,
    groups: [] as Attached[],
  };
  readonly queue: ReceiveQueue;
  readonly batch;

  /** QPNs of the messages and of the failed requests of connections. Messages of QPN 0 are refused. */
  readonly messages: number[] = [];
  readonly failures: number[] = [];

  constructor(linkLayer: PortAttributes["linkLayer"] = "infiniband") {
    this.queue = new ReceiveQueue(
      this.verbs,
      0n,
      0n,
      this.cq,
      BUFFERS,
      this.counters,
      new UdPacketPublisher(this.observers, { attributes }, this.qp),
      this,
      linkLayer,
    );
    this.batch = this.queue.createBatch();
    this.queue.postAll();
  }

  received(qpn: number): ObservedConnection | undefined {
    this.messages.push(qpn);
    return qpn === 0 ? undefined : { qpn, pkey: 0x8001, remote: REMOTE };
  }

  receiveFailed(qpn: number): void {
    this.failures.push(qpn);
  }

  /** Writes a packet to buffer `id` and adds its completion. With `flags`, the packet has the GRH of a group. */
  arrive(
    id: number,
    payload: number[],
    { head = [], ...more }: Partial<FakeCompletion> & { head?: number[] } = {},
  ) {
    const { element } = this.verbs.posts[0]!.find((each) => each.id === id)!;
    const bytes = new Uint8Array(bytesAt(element.getBigUint64(0, true), 4136));
    bytes.fill(0xa5, 0, 40);
    if (more.flags) {
      for (let i = 0; i < 32; i++) bytes[8 + i] = i;
      bytes[24] = 0xff;
    }
    bytes.set(head);
    bytes.set(payload, 40);
    this.cq.waiting.push({ id, length: 40 + payload.length, ...more });
  }

  poll(): number {
    return this.queue.poll(this.batch, 64);
  }

  /** Returns the buffers of the last post. */
  posted(): number[] {
    return this.verbs.posts.at(-1)!.map(({ id }) => id);
  }

  [Symbol.dispose](): void {
    this.queue.close();
  }
}

Deno.test("ReceiveQueue posts all buffers as one chain, with space for the GRH and the largest message", () => {
  using rig = new Rig();
  assertEquals(rig.posted(), [0, 1, 2, 3, 4, 5, 6, 7]);
  for (const { element } of rig.verbs.posts[0]!) {
    assert(element.getUint32(8, true) >= 40 + 4096);
  }
});

Deno.test("ReceiveQueue returns a packet with its header fields and without a frame header", () => {
  using rig = new Rig();
  rig.arrive(3, [0x08, 0x00, 0, 0, 0x45, 1, 2], {
    sourceQpn: 0x48,
    sourceLid: 7,
  });
  assertEquals(rig.poll(), 1);
  const { batch } = rig;
  assertEquals(batch.encap[0], 0x08000000);
  assertEquals([batch.length[0], batch.flags[0]], [3, 0]);
  assertEquals([batch.sourceQpn[0], batch.sourceLid[0]], [0x48, 7]);
  const at = batch.payload[0]!;
  const bytes = [0, 1, 2].map((i) => batch.view[0]!.getUint8(at + i));
  assertEquals(bytes, [0x45, 1, 2]);
  const frame = new Uint8Array(bytesAt(batch.vnetAddress[0]!, 29));
  assertEquals(
    Array.from(frame),
    [...new Array(22).fill(0xa5), 8, 0, 0, 0, 0x45, 1, 2],
    "the tail of the GRH and the IPoIB header are not overwritten",
  );
  assert(batch.headersMissing);
  assert(!rig.queue.sourceGid(batch, 0, new Uint8Array(16)));
});

Deno.test("ReceiveQueue sums the words of a packet in place, and passes on that the device has verified it", () => {
  using rig = new Rig();
  const valid = 1 << 2; // IBV_WC_IP_CSUM_OK
  rig.arrive(3, [0x08, 0x00, 0, 0, 0x45, 1, 0xff, 2, 3], { flags: valid });
  rig.arrive(4, [0x08, 0x00, 0, 0, 0x45]);
  assertEquals(rig.poll(), 2);
  const { batch } = rig;
  assertEquals([...batch.flags.subarray(0, 2)], [RxFlag.ChecksumOk, 0]);
  const sum = 0x4501 + 0xff02 + 0x0300;
  assertEquals(batch.sum!(batch.payload[0]!, 5), (sum & 0xffff) + 1);
});

Deno.test("ReceiveQueue ignores the source LID on Ethernet, where devices report any value", () => {
  using rig = new Rig("ethernet");
  rig.arrive(3, [0x08, 0x00, 0, 0, 0x45], { sourceQpn: 0x48, sourceLid: 7 });
  assertEquals(rig.poll(), 1);
  assertEquals([rig.batch.sourceQpn[0], rig.batch.sourceLid[0]], [0x48, 0]);
});

Deno.test("ReceiveQueue reads the multicast flag and the source GID from the GRH", () => {
  using rig = new Rig();
  rig.arrive(0, [0x08, 0x00, 0, 0, 0x45], { flags: GRH });
  rig.poll();
  assertEquals(rig.batch.flags[0], RxFlag.Grh | RxFlag.Multicast);
  const gid = new Uint8Array(16);
  assert(rig.queue.sourceGid(rig.batch, 0, gid));
  assertEquals(Array.from(gid), Array.from({ length: 16 }, (_, i) => i));
});

Deno.test("ReceiveQueue posts released buffers as one chain", () => {
  using rig = new Rig();
  for (const id of [5, 1, 6]) rig.arrive(id, [8, 0, 0, 0, 0x45]);
  rig.poll();
  rig.queue.release(rig.batch);
  rig.queue.repost();
  assertEquals(rig.posted(), [5, 1, 6]);
  const posts = rig.verbs.posts.length;
  rig.queue.repost();
  assertEquals(rig.verbs.posts.length, posts);
});

Deno.test("ReceiveQueue drops a packet that is shorter than the IPoIB header, and posts its buffer again", () => {
  using rig = new Rig();
  rig.arrive(2, [8, 0]);
  assertEquals(rig.poll(), 0);
  assertEquals(rig.counters.get("rcv_too_short"), 1);
  rig.queue.repost();
  assertEquals(rig.posted(), [2]);
});

Deno.test("after an error all buffers are posted except those that the engine holds", () => {
  using rig = new Rig();
  rig.arrive(4, [8, 0, 0, 0, 0x45]);
  rig.arrive(5, [], { status: 5 });
  assertEquals(rig.poll(), 1);
  assert(rig.queue.failed);
  rig.queue.postAll();
  assert(!rig.queue.failed);
  assertEquals(rig.posted(), [0, 1, 2, 3, 5, 6, 7]);
  rig.queue.release(rig.batch);
  rig.queue.repost();
  assertEquals(rig.posted(), [4]);
});

Deno.test("ReceiveQueue counts every buffer: posted = completed + abandoned + outstanding", () => {
  using rig = new Rig();
  const check = (posted: number, completed: number, abandoned: number) => {
    const { counters, queue } = rig;
    assertEquals(counters.get("rcv_posted"), posted);
    assertEquals(counters.get("rcv_completed"), completed);
    assertEquals(counters.get("rcv_abandoned"), abandoned);
    assertEquals(queue.outstanding, posted - completed - abandoned);
  };
  check(BUFFERS, 0, 0);
  rig.arrive(2, [8, 0, 0, 0, 1]);
  rig.arrive(3, [8, 0, 0, 0, 2]);
  rig.poll();
  check(BUFFERS, 2, 0);
  rig.queue.release(rig.batch);
  rig.queue.repost();
  check(BUFFERS + 2, 2, 0);
  rig.cq.waiting.push({ id: 4, status: 5, length: 0 });
  rig.poll();
  rig.queue.drain();
  check(BUFFERS + 2, 3, BUFFERS - 1);
  rig.queue.postAll();
  check(2 * BUFFERS + 2, 3, BUFFERS - 1);
});

Deno.test("an observer receives polled packets, with headers from the completion", () => {
  using rig = new Rig();
  const packets: Seen[] = [];
  const end = rig.observers.add((packet) => packets.push(seen(packet)));
  rig.arrive(0, [0x08, 0x00, 0, 0, 0x45, 1, 2], {
    sourceQpn: 0x48,
    sourceLid: 7,
    sl: 5,
    pathBits: 1,
  });
  rig.poll();
  assertEquals(packets, [{
    direction: "received",
    status: PostResult.Sent,
    qpn: 0x77,
    sl: 5,
    slid: 7,
    dlid: 0x41,
    words: (8 + 12 + 8 + 4 + 3 + 1 + 4) / 4,
    pad: 1,
    pkey: 0x8001,
    destQpn: 0x77,
    qkey: 0xb1b,
    sourceQpn: 0x48,
    grh: undefined,
    encap: 0x08000000,
    payload: new Uint8Array([0x45, 1, 2]),
    vnet: undefined,
  }]);
  end();
  rig.queue.release(rig.batch);
  rig.arrive(1, [0x08, 0x00, 0, 0, 0x45]);
  rig.poll();
  assertEquals(packets.length, 1);
});

Deno.test("an observer receives the GRH as received, and the multicast LID of its group", () => {
  using rig = new Rig();
  const packets: Seen[] = [];
  rig.observers.add((packet) => packets.push(seen(packet)));
  const mgid = Uint8Array.from({ length: 16 }, (_, i) => 16 + i);
  mgid[0] = 0xff;
  rig.qp.groups.push({ mgid, mlid: 0xc007 });
  // Version 6 and a hop limit, before the GIDs that the rig writes.
  rig.arrive(0, [0x08, 0x00, 0, 0, 0x45], {
    flags: GRH,
    head: [0x60, 0, 0, 0, 0, 29, 0x1b, 9],
  });
  rig.poll();
  const [{ dlid, destQpn, grh }] = packets as [Seen];
  assertEquals([dlid, destQpn], [0xc007, 0xffffff]);
  const sgid = Uint8Array.from({ length: 16 }, (_, i) => i);
  assertEquals(grh, {
    sgid: formatGid(sgid),
    dgid: formatGid(mgid),
    bytes: 29,
    hops: 9,
  });
});

/** Adds the buffers of a shared receive queue, or of a connection, as set 1. Returns the ID of its first buffer. */
function addConnected(rig: Rig, shared = true): number {
  const set = rig.queue.freeSet();
  assertEquals(set, 1);
  const buffers = new ReceiveBuffers(rig.verbs, {
    ...{ pd: 0n, queue: 0n, set },
    ...{ buffers: 4, format: CONNECTED_BUFFER, shared },
  }, rig.counters);
  rig.queue.addSet(set, buffers);
  assertEquals(rig.posted(), [0, 1, 2, 3].map((i) => (1 << 16) + i));
  return 1 << 16;
}

Deno.test("a message of a connection is received without a GRH, after space for the frame header", () => {
  using rig = new Rig();
  const id = addConnected(rig) + 2;
  const { element } = rig.verbs.posts.at(-1)![2]!;
  assert(element.getUint32(8, true) >= 65_524);
  const bytes = new Uint8Array(bytesAt(element.getBigUint64(0, true), 65_524));
  bytes.set([0x08, 0x00, 0, 0, 0x45, 0x01]);
  bytes[65_523] = 0x77;
  rig.arrive(1, [0x08, 0x06, 0, 0, 1]);
  rig.cq.waiting.push({ id, length: 65_524, qpn: 0x99 });
  assertEquals(rig.poll(), 2);
  const { batch } = rig;
  assertEquals(rig.messages, [0x99]);
  assertEquals(Array.from(batch.flags.subarray(0, 2)), [0, RxFlag.Connected]);
  assertEquals(batch.length[1], 65_520);
  assertEquals(batch.encap[1], 0x08000000);
  const at = batch.payload[1]!;
  assertEquals(batch.view[1]!.getUint8(at), 0x45);
  assertEquals(batch.view[1]!.getUint8(at + 65_519), 0x77);
  assertEquals(
    batch.vnetAddress[1]! + 26n,
    element.getBigUint64(0, true) + 4n,
  );
  assert(!rig.queue.sourceGid(batch, 1, new Uint8Array(16)));
  rig.queue.release(batch);
  rig.queue.repost();
  assertEquals(rig.verbs.posts.slice(-2).map((post) => post[0]!.id), [1, id]);
});

Deno.test("an observer receives the messages of connections, with headers from the attributes of the connection", () => {
  using rig = new Rig();
  const id = addConnected(rig);
  const packets: unknown[] = [];
  rig.observers.add(
    ({ direction, qpn, headers, lrh, bth, deth, encap, length }) => {
      const { sl, slid, dlid, packetLength } = new Lrh(headers, lrh);
      packets.push({
        ...{
          direction,
          qpn,
          deth,
          encap,
          length,
          sl,
          slid,
          dlid,
          packetLength,
        },
        pkey: headers.getUint16(bth + 2),
        destQpn: headers.getUint32(bth + 4),
      });
    },
  );
  const { element } = rig.verbs.posts.at(-1)![0]!;
  new Uint8Array(bytesAt(element.getBigUint64(0, true), 4)).set([0x86, 0xdd]);
  rig.cq.waiting.push({ id, length: 104, qpn: 0x99 });
  rig.cq.waiting.push({ id: id + 1, length: 104, qpn: 0 });
  assertEquals(rig.poll(), 1);
  assertEquals(packets, [{
    ...{ direction: "received", qpn: 0x77, deth: -1, length: 100 },
    ...{ encap: 0x86dd0000 | 0, sl: 3, slid: 9, dlid: 0x40, pkey: 0x8001 },
    ...{ packetLength: (8 + 12 + 104 + 4) / 4, destQpn: 0x99 },
  }]);
});

Deno.test("buffers of a shared queue are posted again after messages for closed connections, errors and a drain", () => {
  using rig = new Rig();
  const id = addConnected(rig);
  rig.cq.waiting.push(
    { id, length: 10, qpn: 0 },
    { id: id + 1, status: 5, qpn: 0x99 },
    { id: id + 2, status: 1, qpn: 0x98 },
  );
  assertEquals(rig.poll(), 0);
  assertEquals(rig.failures, [0x98]);
  assert(!rig.queue.failed);
  rig.cq.waiting.push({ id: id + 3, length: 10, qpn: 0x99 });
  rig.queue.drain();
  rig.queue.repost();
  assertEquals(rig.posted(), [id, id + 1, id + 2, id + 3]);
  const outstanding = rig.queue.outstanding;
  assertEquals(outstanding, 4);
  const { counters } = rig;
  assertEquals(
    counters.get("rcv_posted"),
    counters.get("rcv_completed") + counters.get("rcv_abandoned") + outstanding,
  );
});

Deno.test("buffers of a connection without a shared queue are not posted again after its error", () => {
  using rig = new Rig();
  const id = addConnected(rig, false);
  rig.cq.waiting.push({ id, status: 5, qpn: 0x99 });
  rig.poll();
  assert(!rig.queue.unposted);
  assert(!rig.queue.failed);
});

Deno.test("a drain releases the buffers of a connection without a shared queue, except after its error, which it reports", () => {
  using rig = new Rig();
  const id = addConnected(rig, false);
  rig.cq.waiting.push({ id, length: 10, qpn: 0x99 });
  rig.cq.waiting.push({ id: id + 1, status: 1, qpn: 0x99 });
  rig.cq.waiting.push({ id: id + 2, status: 5, qpn: 0x99 });
  rig.queue.drain();
  rig.queue.repost();
  assertEquals(rig.posted(), [id]);
  assertEquals(rig.failures, [0x99]);
  assertEquals(rig.counters.get("rcv_errors"), 2);
});

Deno.test("a retired set is closed once the engine holds none of its buffers", () => {
  using rig = new Rig();
  const set = rig.queue.freeSet();
  const buffers = new ReceiveBuffers(rig.verbs, {
    ...{ pd: 0n, queue: 0n, set },
    ...{ buffers: 2, format: CONNECTED_BUFFER, shared: false },
  }, rig.counters);
  rig.queue.addSet(set, buffers);
  rig.cq.waiting.push({ id: set << 16, length: 100, qpn: 0x99 });
  assertEquals(rig.poll(), 1);
  buffers.retire();
  rig.queue.repost();
  assertEquals(rig.queue.freeSet(), set + 1);
  rig.queue.release(rig.batch);
  rig.queue.repost();
  assertEquals(rig.queue.freeSet(), set);
  assertEquals(rig.counters.get("rcv_abandoned"), 1);
});
