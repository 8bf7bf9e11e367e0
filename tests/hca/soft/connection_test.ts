/** RC queue pairs of two ports: delivery in order, once, with any length and offload; failures. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../../src/base/errors.ts";
import { PostResult } from "../../../src/hca/post_result.ts";
import { RxFlag } from "../../../src/hca/rx_batch.ts";
import { STRIDE } from "../../../src/hca/soft/slot_layout.ts";
import {
  connectEnd,
  connection,
  createEnd,
  marked,
  marks,
  openInterface,
  openInterfaces,
  range,
  send,
  sendAll,
} from "./connection.ts";
import { post } from "./post.ts";
import { memoryOf, Subnet } from "./subnet.ts";

Deno.test("messages of up to 65,524 bytes arrive in order on a connection, in both directions", () => {
  using subnet = new Subnet();
  const [a, b] = openInterfaces(subnet, 0x11n, 0x12n);
  const [x, y] = connection(a!, b!);
  sendAll(subnet, x, 1, 600);
  subnet.until(() => y.taken.length === 600, "600 messages");
  assertEquals(marks(y.taken), range(1, 600));
  assertEquals([x.qp.received, y.qp.received], [0, 600]);
  const { flags, sourceLid, sourceQpn, encap } = y.taken[0]!;
  assertEquals(
    [flags, sourceLid, sourceQpn, encap],
    [RxFlag.Connected, 0, y.qp.qpn, 0x08000000],
  );
  const longest = marked(77, 65_520);
  assertEquals(send(y, longest), PostResult.Sent);
  subnet.until(() => x.taken.length === 1, "the longest message");
  assertEquals(x.taken[0]!.payload, longest);
  assertEquals(send(y, marked(78, 65_521)), PostResult.TooLong);
  sendAll(subnet, x, 1000, 1100, 65_520);
  subnet.until(() => y.taken.length === 701, "long messages");
  assertEquals(marks(y.taken.slice(600)), range(1000, 1100));
  assertEquals([x.failures, y.failures], [[], []]);
});

Deno.test("a large send keeps its virtio header on a connection, and its segments must fit 65,524 bytes", () => {
  using subnet = new Subnet();
  const [a, b] = openInterfaces(subnet, 0x11n, 0x12n);
  const [x, y] = connection(a!, b!);
  const seen: number[][] = [];
  b!.port.observe(({ direction, view, vnet, deth, bth, headers, length }) => {
    if (direction === "sent") return;
    const header = range(vnet, vnet + 11).map((at) => view.getUint8(at));
    seen.push([...header, deth, headers.getUint8(bth), length]);
  });
  // Partial checksum, TCPv4, a segment size of 32768 bytes, and the transport header after 14 + 20 bytes.
  const vnet = new Uint8Array([1, 1, 54, 0, 0, 0x80, 34, 0, 16, 0, 0, 0]);
  const payload = marked(5, 65_535);
  payload.set([0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6]);
  payload[20 + 12] = 0x50;
  assertEquals(send(x, payload, vnet), PostResult.Sent);
  subnet.until(() => y.taken.length === 1, "the large send");
  assertEquals(seen, [[...vnet, -1, 0x04, 65_535]]);
  vnet.set([0xff, 0xff], 4);
  send(x, payload, vnet);
  subnet.until(() => x.failures.length > 0, "the refusal");
  assertEquals(b!.port.counters().bad_length, 1);
});

Deno.test("connections of one pair of ports are independent of each other and of datagrams", () => {
  using subnet = new Subnet();
  const [a, b] = openInterfaces(subnet, 0x11n, 0x12n);
  const [first, firstEnd] = connection(a!, b!);
  const [second, secondEnd] = connection(a!, b!);
  const to = { dlid: b!.port.attributes.lid, qpn: b!.qp.qpn };
  for (let n = 0; n < 300; n++) {
    subnet.until(() => send(first, marked(10_000 + n)) === 0);
    subnet.until(() => send(second, marked(20_000 + n)) === 0);
    subnet.until(() => post(a!, to, marked(30_000 + n)) === 0);
  }
  const { taken } = b!;
  subnet.until(() => taken.length === 900, "all packets");
  for (const start of [10_000, 20_000, 30_000]) {
    const own = marks(taken).filter((mark) =>
      mark >= start && mark < start + 10_000
    );
    assertEquals(own, range(start, start + 299));
  }
  assertEquals([firstEnd.qp.received, secondEnd.qp.received], [300, 300]);
  firstEnd.qp.close();
  send(first, marked(1));
  subnet.until(() => first.failures.length === 1, "the failure");
  sendAll(subnet, second, 1, 10);
  subnet.until(() => secondEnd.qp.received === 310, "the other connection");
  assertEquals(second.failures, []);
});

Deno.test("two interfaces of one port are connected to each other", () => {
  using subnet = new Subnet();
  const [port] = subnet.openAll(0x11n);
  const parent = openInterface(subnet, port!);
  const memory = port!.openSendMemory();
  const qp = port!.createUdQp({ memory, pkeyIndex: 0, recvQueueSize: 64 });
  const child = { port: port!, memory, qp, taken: [] };
  const [x, y] = connection(child, parent);
  sendAll(subnet, x, 1, 100);
  subnet.until(() => parent.taken.length === 100, "messages to itself");
  assertEquals(marks(parent.taken), range(1, 100));
  assertEquals(y.qp.received, 100);
});

Deno.test("a message to no queue pair, or to one that is not connected, fails the connection at once", () => {
  using subnet = new Subnet();
  const [a, b] = openInterfaces(subnet, 0x11n, 0x12n);
  const idle = createEnd(b!);
  const dlid = b!.port.attributes.lid;
  const psns = { sendPsn: 1, receivePsn: 1 };
  for (
    const [qpn, why] of [
      [0x1234, "bad_qpn"],
      [b!.qp.qpn, "bad_qpn"],
      [idle.qp.qpn, "rc_not_connected"],
    ] as const
  ) {
    const before = b!.port.counters()[why]!;
    const end = createEnd(a!);
    connectEnd(end, { dlid, qpn }, psns);
    assertEquals(send(end, marked(1)), PostResult.Sent);
    subnet.until(() => end.failures.length === 1, `the failure for ${qpn}`);
    assertEquals(end.failures, ["retry_exceeded"]);
    assertEquals(b!.port.counters()[why], before + 1);
    assertEquals(send(end, marked(2)), PostResult.NotReady);
    end.qp.close();
  }
  const lost = createEnd(a!);
  connectEnd(lost, { dlid, qpn: 0x1234 }, psns);
  send(lost, marked(1));
  lost.qp.close();
  subnet.settle();
  assertEquals(lost.failures, []);
  assertEquals(a!.memory.free, a!.memory.slots);
  assertEquals(b!.taken, []);
});

Deno.test("a queue pair is connected once, and sends nothing before", () => {
  using subnet = new Subnet();
  const [a, b] = openInterfaces(subnet, 0x11n, 0x12n);
  const end = createEnd(a!);
  assertEquals(send(end, marked(1)), PostResult.NotReady);
  const to = { dlid: b!.port.attributes.lid, qpn: 9 };
  const psns = { sendPsn: 1, receivePsn: 1 };
  connectEnd(end, to, psns);
  for (const state of ["connected", "closed"]) {
    const { code } = assertThrows(
      () => connectEnd(end, to, psns),
      IpoibError,
      state,
    );
    assertEquals(code, "E_QP_STATE");
    end.qp.close();
  }
});

Deno.test("a message of another port to the queue pair of a connection is refused", () => {
  using subnet = new Subnet();
  const [a, b, c] = openInterfaces(subnet, 0x11n, 0x12n, 0x13n);
  const [x, y] = connection(a!, b!);
  sendAll(subnet, x, 1, 3);
  subnet.until(() => y.taken.length === 3, "the first messages");
  // The third port uses the QPN and the next PSN of the connection.
  const forger = createEnd(c!);
  const to = { dlid: b!.port.attributes.lid, qpn: y.qp.qpn };
  connectEnd(forger, to, { sendPsn: 1, receivePsn: 1 });
  send(forger, marked(666));
  subnet.until(() => forger.failures.length === 1, "the refusal");
  assertEquals(b!.port.counters().rc_not_connected, 1);
  sendAll(subnet, x, 4, 6);
  subnet.until(() => y.taken.length === 6, "the next messages");
  assertEquals(marks(y.taken), range(1, 6));
  assertEquals([x.failures, y.failures], [[], []]);
});

Deno.test("the end of a peer fails its connections at once, at both ends", () => {
  using subnet = new Subnet();
  const [a, b, c] = openInterfaces(subnet, 0x11n, 0x12n, 0x13n);
  const [sender] = connection(a!, b!);
  const [, receiver] = connection(b!, a!);
  const [other, otherEnd] = connection(a!, c!);
  const [idle] = connection(a!, b!);
  sendAll(subnet, sender, 1, 1);
  const from = connection(b!, a!);
  sendAll(subnet, from[0], 1, 1);
  sendAll(subnet, other, 1, 1);
  subnet.until(() =>
    b!.taken.length === 1 && a!.taken.length === 1 && c!.taken.length === 1
  );
  b!.port.close();
  subnet.until(
    () => sender.failures.length + from[1].failures.length === 2,
    "the failures",
  );
  assertEquals(sender.failures, ["retry_exceeded"]);
  assertEquals(from[1].failures, ["retry_exceeded"]);
  // A responder without traffic does not notice.
  assertEquals([idle.failures, receiver.failures, other.failures], [
    [],
    [],
    [],
  ]);
  assertEquals(
    send(idle, marked(1)),
    PostResult.Unreachable,
  );
  subnet.until(() => idle.failures.length === 1, "the idle connection");
  sendAll(subnet, other, 2, 3);
  subnet.until(() => otherEnd.taken.length === 3, "the third port");
});

Deno.test("a queue pair that is closed under load returns all slots, at either end", () => {
  for (const closer of ["sender", "receiver"]) {
    using subnet = new Subnet();
    const [a, b] = openInterfaces(subnet, 0x11n, 0x12n);
    b!.qp.onReceive = () => {};
    const [x, y] = connection(a!, b!);
    let results = 0;
    for (let n = 0; n < 500; n++) {
      if (send(x, marked(n)) === PostResult.Sent) results++;
      if (n % 50 === 0) subnet.settle(1);
    }
    assert(results > 100, `${results} messages were sent`);
    (closer === "sender" ? x : y).qp.close();
    if (closer === "sender") {
      const batch = b!.qp.createBatch();
      while (b!.qp.poll(batch) > 0) b!.qp.release(batch);
    } else subnet.until(() => x.failures.length === 1, "the failure");
    subnet.until(() => {
      memoryOf(a!.port).collect();
      return a!.memory.free === a!.memory.slots;
    }, "the slots");
    const to = { dlid: b!.port.attributes.lid, qpn: b!.qp.qpn };
    assertEquals(post(a!, to, marked(1)), PostResult.Sent);
  }
});

Deno.test("a receiver without buffers makes the sender repeat its messages, or fails the connection", () => {
  for (const rnrRetryCount of [0, 3, 7]) {
    using subnet = new Subnet();
    const [a, b] = subnet.openAll(0x11n, 0x12n);
    const sender = openInterface(subnet, a!);
    const memory = memoryOf(b!);
    const qp = b!.createUdQp({ memory, pkeyIndex: 0, recvQueueSize: 4 });
    const [x, y] = connection(
      sender,
      { port: b!, memory, qp, taken: [] },
      { rnrRetryCount },
    );
    for (let n = 1; n <= 20; n++) assertEquals(send(x, marked(n)), 0);
    if (rnrRetryCount < 7) {
      subnet.until(() => x.failures.length === 1, "the failure");
      assertEquals(x.failures, ["rnr_retry_exceeded"]);
      assertEquals(y.failures, []);
      // Each repetition has 16 messages that find no buffer or come out of sequence.
      assertEquals(a!.counters().rc_retransmitted, 16 * rnrRetryCount);
      y.qp.close();
      subnet.until(() => {
        sender.memory.collect();
        return sender.memory.free === sender.memory.slots;
      }, "the slots");
      continue;
    }
    subnet.until(() => a!.counters().rc_retransmitted! > 100, "repetitions");
    let sent = 20;
    subnet.until(() => {
      const result = send(x, marked(sent + 1));
      if (result === PostResult.Sent) sent++;
      return result === PostResult.NoCredit;
    }, "a message that is refused during the repetition");
    const got: number[] = [];
    const batch = qp.createBatch();
    qp.onReceive = () => {
      while (qp.poll(batch) > 0) {
        for (let i = 0; i < batch.count; i++) {
          got.push(batch.view[i]!.getUint32(batch.payload[i]!));
          assertEquals(batch.payload[i]! % STRIDE, 100);
        }
        qp.release(batch);
      }
    };
    qp.onReceive();
    subnet.until(() => got.length === sent, "all messages");
    sendAll(subnet, x, sent + 1, sent + 5);
    subnet.until(() => got.length === sent + 5, "more messages");
    assertEquals(got, range(1, sent + 5));
    assertEquals([x.failures, y.qp.received], [[], sent + 5]);
  }
});

Deno.test("a stopped receiver costs messages, not the connection", () => {
  using subnet = new Subnet();
  const [a, b] = openInterfaces(subnet, 0x11n, 0x12n);
  const [x, y] = connection(a!, b!, { rnrRetryCount: 7 });
  const { onReceive } = b!.qp;
  b!.qp.onReceive = () => {};
  let sent = 0;
  let refused = 0;
  subnet.until(() => {
    const result = send(x, marked(sent));
    if (result === PostResult.Sent) sent++;
    else refused++;
    return refused > 20;
  }, "the end of the credit");
  b!.qp.onReceive = onReceive;
  onReceive();
  subnet.until(() => send(x, marked(99_999)) === PostResult.Sent, "credit");
  subnet.until(() => marks(b!.taken).at(-1) === 99_999, "the last message");
  const got = marks(b!.taken);
  assert(got.every((mark, i) => i === 0 || mark > got[i - 1]!));
  assertEquals([x.failures, y.failures], [[], []]);
});

Deno.test("a port has at most 8192 RC queue pairs", () => {
  using subnet = new Subnet();
  const [a] = openInterfaces(subnet, 0x11n);
  const ends = range(1, 8192).map(() => createEnd(a!));
  const { code } = assertThrows(() => createEnd(a!), IpoibError, "8192");
  assertEquals(code, "E_QP");
  assertEquals(a!.port.counters().rc_qps, 8192);
  ends[0]!.qp.close();
  createEnd(a!);
});
