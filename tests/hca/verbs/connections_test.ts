import { assertEquals, assertThrows } from "@std/assert";
import { Ibv } from "../../../ffi/verbs_layout.ts";
import { Errno } from "../../../src/base/errno.ts";
import { IpoibError } from "../../../src/base/errors.ts";
import { PostResult } from "../../../src/hca/post_result.ts";
import {
  ConnectionsRig as Rig,
  DATAGRAM_BUFFERS,
  SRQ,
} from "./connections_rig.ts";

/** Maximum number of packets of one connection that have not completed. */
const SENDS = 128;
/** Interval in which a peer must acknowledge a message while others wait. */
const PROGRESS_MS = 250;

Deno.test("connections share one receive queue, which is created with the first and destroyed after all", () => {
  const rig = new Rig(1000);
  rig.connect();
  rig.connect();
  assertEquals(rig.receives.outstanding, DATAGRAM_BUFFERS + 128);
  rig[Symbol.dispose]();
  assertEquals(rig.calls, [
    ...["create srq 128", "create qp", "create qp"],
    ...["destroy qp", "destroy qp", "destroy srq"],
  ]);
});

Deno.test("the shared receive queue is no larger than the device permits", () => {
  using rig = new Rig(10);
  rig.connect();
  assertEquals(rig.calls[0], "create srq 10");
  assertEquals(rig.receives.outstanding, DATAGRAM_BUFFERS + 10);
});

Deno.test("a closed queue pair is destroyed after the device's event and a poll, or after the time limit", () => {
  using rig = new Rig(1000);
  const [first, second, third] = [rig.connect(), rig.connect(), rig.connect()];
  rig.calls.length = 0;
  first.close();
  second.close();
  assertEquals(rig.calls, []);
  const { connections } = rig;
  connections.receivesPolled();
  connections.onEvent(Ibv.EVENT_QP_LAST_WQE_REACHED, second.handle);
  assertEquals([rig.calls, rig.polls], [[], 1]);
  connections.receivesPolled();
  assertEquals(rig.calls, ["destroy qp"]);
  rig.wait();
  assertEquals(rig.calls.length, 2);
  // The event may precede the close.
  connections.onEvent(Ibv.EVENT_QP_LAST_WQE_REACHED, third.handle);
  assertEquals(rig.polls, 1);
  third.close();
  assertEquals(rig.polls, 2);
  connections.receivesPolled();
  assertEquals(rig.calls.length, 3);
  assertEquals(rig.table.size, 0);
  rig.connections.create(0).close();
  assertEquals(rig.calls.length, 5, "never connected: destroyed at once");
});

Deno.test("a fatal error of one queue pair fails that one", () => {
  using rig = new Rig(1000);
  const failed: number[] = [];
  const ends = [rig.connect(), rig.connect()];
  for (const end of ends) end.onFailure = () => failed.push(end.qpn);
  rig.connections.onEvent(Ibv.EVENT_QP_FATAL, ends[1]!.handle);
  rig.connections.onEvent(Ibv.EVENT_QP_FATAL, 0x77n);
  rig.table.reportFailures();
  assertEquals(failed, [ends[1]!.qpn]);
});

Deno.test("an error of the shared receive queue fails all connections; it is created again after they are closed", () => {
  using rig = new Rig(1000);
  const failures = rig.connectTwo();
  rig.connections.onEvent(Ibv.EVENT_SRQ_ERR, 0x77n);
  assertEquals(rig.table.failed, false);
  rig.connections.onEvent(Ibv.EVENT_SRQ_ERR, SRQ);
  rig.table.reportFailures();
  assertEquals(failures, ["local_error", "local_error"]);
  const { code } = assertThrows(() => rig.connections.create(0), IpoibError);
  assertEquals(code, "E_QP");
  rig.wait();
  assertEquals(rig.calls.slice(3), ["destroy qp", "destroy qp", "destroy srq"]);
  rig.connect();
  assertEquals(rig.calls.slice(6), ["create srq 128", "create qp"]);
  rig.receives.repost();
  assertEquals(rig.receives.outstanding, DATAGRAM_BUFFERS + 128);
});

Deno.test("packets that wait for a peer which acknowledges nothing are dropped, and later ones refused until it does", () => {
  using rig = new Rig(1000);
  const { memory, counted, reactor } = rig;
  const [stopped, live] = [rig.connect(), rig.connect()];
  const post = (qp = stopped) => qp.post(memory.reserve(true), 100);
  for (let i = 0; i < SENDS + 2; i++) assertEquals(post(), PostResult.Sent);
  rig.flush();
  assertEquals(memory.waiting, 1);
  reactor.advance(PROGRESS_MS);
  assertEquals(memory.waiting, 1);
  reactor.advance(PROGRESS_MS);
  assertEquals([memory.waiting, memory.ready], [0, true]);
  assertEquals(counted.get("xmit_no_credit"), 2);
  assertEquals(post(), PostResult.NoCredit);
  assertEquals(counted.get("xmit_no_credit"), 3);
  assertEquals([post(live), memory.waiting], [PostResult.Sent, 0]);
  assertEquals(reactor.armed, 0);
  rig.complete(15);
  for (let i = 0; i < 17; i++) assertEquals(post(), PostResult.Sent);
  assertEquals(memory.waiting, 1);
});

Deno.test("packets that wait for a slow peer are not dropped while it acknowledges others", () => {
  using rig = new Rig(1000);
  const { memory, counted, reactor } = rig;
  const qp = rig.connect();
  let sent = 0;
  const post = () => {
    assertEquals(qp.post(memory.reserve(true), 100), PostResult.Sent);
    sent++;
  };
  while (sent < SENDS) post();
  for (let i = 0; i < 20; i++) {
    post();
    assertEquals(memory.waiting, 1);
    reactor.advance(PROGRESS_MS - 1);
    rig.complete(i);
    rig.flush();
    assertEquals(memory.waiting, 0);
  }
  for (let i = 0; i < 40; i++) post();
  for (let i = 20; i < 50; i++) {
    reactor.advance(PROGRESS_MS);
    rig.complete(i);
    rig.flush();
    assertEquals(memory.waiting, 1);
  }
  assertEquals(counted.get("xmit_no_credit"), 0);
});

Deno.test("a shared receive queue that fails without connections is created again with the next one", () => {
  using rig = new Rig(1000);
  rig.connections.create(0).close();
  rig.calls.length = 0;
  rig.connections.onEvent(Ibv.EVENT_SRQ_ERR, SRQ);
  rig.connect();
  assertEquals(rig.calls, ["destroy srq", "create srq 128", "create qp"]);
});

Deno.test("without a shared receive queue each connection has own buffers, and their number is limited", () => {
  using rig = new Rig(0);
  const ends = Array.from({ length: 128 }, () => rig.connect());
  assertEquals(rig.receives.outstanding, DATAGRAM_BUFFERS + 128 * 16);
  const refused = () => rig.connections.create(0);
  const { code, errno } = assertThrows(refused, IpoibError);
  assertEquals([code, errno], ["E_QP", Errno.ENOSPC]);
  ends[5]!.close();
  assertEquals(rig.receives.outstanding, DATAGRAM_BUFFERS + 127 * 16);
  rig.receives.repost();
  rig.connect();
  assertEquals(rig.receives.outstanding, DATAGRAM_BUFFERS + 128 * 16);
});

Deno.test("create() throws E_QP with the errno of the device, and can be repeated", () => {
  using rig = new Rig(1000);
  rig.refused = true;
  const refused = () => rig.connections.create(0);
  const { code, errno } = assertThrows(refused, IpoibError);
  assertEquals([code, errno], ["E_QP", Errno.EINVAL]);
  rig.refused = false;
  rig.connect();
  assertEquals(rig.calls, ["create srq 128", "create qp"]);
});
