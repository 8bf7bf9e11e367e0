/** Connections while the subnet changes: manager, LIDs, port states, partitions; with both reactors. */

import { assertEquals } from "@std/assert";
import { PostResult } from "../../../src/hca/post_result.ts";
import { openUringReactor } from "../../../src/system/uring/uring_reactor.ts";
import { whyNoUring } from "../../e2e/harness/kernel.ts";
import {
  connectEnd,
  connection,
  createEnd,
  marked,
  marks,
  openInterfaces,
  range,
  send,
  sendAll,
} from "./connection.ts";
import { Subnet } from "./subnet.ts";

Deno.test("a connection outlives the subnet manager, and needs none", () => {
  using subnet = new Subnet();
  const [a, b] = openInterfaces(subnet, 0x11n, 0x12n);
  const [x, y] = connection(a!, b!);
  sendAll(subnet, x, 1, 5);
  subnet.killManager();
  subnet.settle();
  sendAll(subnet, x, 6, 10);
  const [early, earlyEnd] = connection(b!, a!);
  sendAll(subnet, early, 1, 1);
  subnet.until(
    () => earlyEnd.qp.received === 1,
    "a connection without manager",
  );
  Deno.removeSync(subnet.socket);
  subnet.startManager();
  subnet.until(
    () =>
      subnet.ports.every(({ events }) =>
        events.some(({ type }) => type === "client_reregister")
      ),
    "the new registrations",
  );
  sendAll(subnet, x, 11, 20);
  subnet.until(() => b!.taken.length === 20, "all messages");
  assertEquals(marks(b!.taken), range(1, 20));
  assertEquals([x.failures, y.failures, early.failures], [[], [], []]);
});

Deno.test("a connection fails when the LID of either end changes, or the remote port goes down", () => {
  for (const guid of [0x11n, 0x12n]) {
    using subnet = new Subnet();
    const [a, b] = openInterfaces(subnet, 0x11n, 0x12n);
    const [x] = connection(a!, b!);
    sendAll(subnet, x, 1, 5);
    subnet.until(() => b!.taken.length === 5);
    subnet.host!.manager.moveLid(guid, 0x77, subnet.host!.now);
    const moved = subnet.ports.find(({ port }) =>
      port.attributes.portGuid === guid
    )!;
    subnet.until(() => moved.port.attributes.lid === 0x77);
    subnet.settle();
    send(x, marked(6));
    subnet.until(() => x.failures.length === 1, "the failure");
    assertEquals([x.failures, b!.taken.length], [["retry_exceeded"], 5]);
  }
  using subnet = new Subnet();
  const [a, b] = openInterfaces(subnet, 0x11n, 0x12n);
  const [x] = connection(a!, b!);
  sendAll(subnet, x, 1, 5);
  subnet.until(() => b!.taken.length === 5);
  subnet.host!.manager.setPortState(0x12n, "down", subnet.host!.now);
  subnet.until(() => b!.port.attributes.state === "down");
  subnet.until(() => {
    send(x, marked(6));
    return x.failures.length === 1;
  }, "the failure");
});

Deno.test("a change of the partition fails the connection, and a new one works", () => {
  using subnet = new Subnet();
  const [a, b, c] = openInterfaces(subnet, 0x11n, 0x12n, 0x13n);
  const [x, y] = connection(a!, b!);
  const [leaving] = connection(a!, c!);
  sendAll(subnet, x, 1, 5);
  sendAll(subnet, leaving, 1, 5);
  subnet.until(() => y.taken.length === 5 && c!.taken.length === 5);
  // The memory is replaced, so that the third port cannot read what is sent later.
  subnet.host!.manager.setPkeys(0x13n, [0x8001], subnet.host!.now);
  subnet.until(
    () => x.failures.length + y.failures.length + leaving.failures.length === 3,
    "the failures",
  );
  const [again, end] = connection(a!, b!);
  sendAll(subnet, again, 6, 9);
  subnet.until(() => y.taken.length === 9, "messages in the new memory");
  assertEquals(marks(y.taken), range(1, 9));
  assertEquals([again.failures, end.failures], [[], []]);
});

Deno.test("a queue pair whose own P_Key is taken away sends and receives nothing", () => {
  using subnet = new Subnet();
  const [a, b] = openInterfaces(subnet, 0x11n, 0x12n);
  const [x] = connection(a!, b!);
  sendAll(subnet, x, 1, 5);
  subnet.until(() => b!.taken.length === 5);
  subnet.host!.manager.setPkeys(0x11n, [0x8001], subnet.host!.now);
  subnet.until(() => a!.port.attributes.pkeys[0] === 0x8001);
  assertEquals(send(x, marked(6)), PostResult.NotReady);
  assertEquals(b!.taken.length, 5);
});

const why = whyNoUring();
const missing = why === undefined ? "" : ` (skipped: ${why})`;

Deno.test({
  name: `refusals reach a sender that sleeps, with io_uring${missing}`,
  ignore: missing !== "",
  fn() {
    using subnet = new Subnet({}, openUringReactor());
    const [a, b] = openInterfaces(subnet, 0x11n, 0x12n);
    const [x, y] = connection(a!, b!);
    sendAll(subnet, x, 1, 300);
    subnet.until(() => y.taken.length === 300, "the messages");
    assertEquals(marks(y.taken), range(1, 300));
    y.qp.close();
    subnet.settle();
    send(x, marked(1));
    subnet.until(() => x.failures.length === 1, "the failure");
    const idle = createEnd(b!);
    const lost = createEnd(a!);
    const to = { dlid: b!.port.attributes.lid, qpn: idle.qp.qpn };
    const psns = { sendPsn: 1, receivePsn: 1 };
    connectEnd(lost, to, psns, { ackTimeout: 0 });
    send(lost, marked(1));
    subnet.until(() => lost.failures.length === 1, "the second failure");
  },
});
