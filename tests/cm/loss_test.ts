/** Lost, repeated and late messages, stale connections, and the end of a manager. */

import { assert, assertEquals } from "@std/assert";
import {
  DREQ_SENDS,
  MAX_CM_RETRIES,
  REQUEST_TIMEOUT_MS,
  TIMEWAIT_MS,
} from "../../src/cm/parameters.ts";
import type { CmMessage } from "../../src/wire/cm/cm_message.ts";
import { RejectReason } from "../../src/wire/cm/rej.ts";
import { gsiAddress } from "../../src/wire/mad.ts";
import { type Active, type CmRig, type Fate, pair } from "./rig.ts";

/** Loses the first `count` messages of a kind. */
function loseFirst(kind: string, count: number): Fate {
  return ({ message }) => message?.kind === kind && count-- > 0 ? [] : [1];
}

const sentTimes = (rig: CmRig, kind: string) =>
  rig.sent.filter(({ message }) => message?.kind === kind)
    .map(({ at }) => at);

/** Asserts that the times are `interval` apart, with the delay of coarse timers. */
function assertInterval(times: number[], interval: number): void {
  for (let i = 1; i < times.length; i++) {
    const gap = times[i]! - times[i - 1]!;
    assert(gap >= interval && gap < interval + 32, `${times}`);
  }
}

Deno.test("without an answer a REQ is repeated until the establishment times out", () => {
  const { rig, a, b } = pair();
  rig.fate = () => [];
  const { ends, connection } = a.connect(b, { timeout: 4000 });
  rig.advance(3900);
  assertEquals(ends, []);
  rig.advance(200);
  const times = sentTimes(rig, "req");
  assertEquals(times.length, 8);
  assertInterval(times, 512);
  assertEquals(ends, [{ why: "timeout" }]);
  assertEquals(rig.sent.at(-1)!.message?.kind, "rej");
  assertEquals(connection.state, "timewait");
  rig.advance(TIMEWAIT_MS + 100);
  assertEquals(a.remembered, 0);
});

Deno.test("with a long timeout a REQ is repeated every 4096 ms, 15 times", () => {
  const { rig, a, b } = pair();
  rig.fate = () => [];
  const { ends } = a.connect(b, { timeout: 1_000_000 });
  rig.advance(1_000_000);
  const times = sentTimes(rig, "req");
  assertEquals(times.length, 1 + MAX_CM_RETRIES);
  assertInterval(times, 4096);
  assertEquals(ends, [{ why: "timeout" }]);
});

for (const kind of ["req", "rep", "rtu"] as const) {
  Deno.test(`three lost copies of a ${kind} do not prevent the connection`, () => {
    const { rig, a, b, accepted } = pair();
    rig.fate = loseFirst(kind, 3);
    const { connection, ends, replies } = a.connect(b);
    rig.advance(4000);
    assertEquals(connection.state, "established");
    assertEquals(accepted.length, 1);
    assertEquals(accepted[0]!.connection.state, "established");
    assertEquals(accepted[0]!.established, 1);
    assertEquals([ends, replies.length], [[], 1]);
  });
}

Deno.test("every message twice and in the opposite order makes one connection", () => {
  const { rig, a, b, accepted } = pair();
  rig.fate = () => [1, 3, 700];
  const { connection, replies } = a.connect(b);
  rig.advance(5000);
  assertEquals([accepted.length, replies.length], [1, 1]);
  assertEquals(accepted[0]!.established, 1);
  connection.disconnect();
  rig.advance(5000);
  assertEquals(accepted[0]!.ends, [{ why: "disconnected" }]);
  assert(a.manager.counters().duplicate! > 0);
  rig.advance(20_000);
  assertEquals([a.remembered, b.remembered], [0, 0]);
});

Deno.test("a reply without a confirmation times out on both sides", () => {
  const { rig, a, b, accepted } = pair();
  const { ends } = a.connect(b, {}, { onReply: () => {} });
  rig.advance(4100);
  assertEquals(ends, [{ why: "timeout" }]);
  assertEquals(accepted[0]!.ends, [
    { why: "rejected", reason: RejectReason.Consumer },
  ]);
});

Deno.test("without an RTU the passive side times out and ends the active side", () => {
  const { rig, a, b, accepted } = pair();
  rig.fate = ({ message }) => message?.kind === "rtu" ? [] : [1];
  const { ends, connection } = a.connect(b);
  rig.advance(60_000);
  assertEquals(accepted[0]!.ends, [{ why: "timeout" }]);
  assertEquals(ends, [{ why: "disconnected" }]);
  assertEquals(connection.state, "closed");
  assertEquals([a.remembered, b.remembered], [0, 0]);
});

Deno.test("traffic establishes the passive side without an RTU", () => {
  const { rig, a, b, accepted } = pair();
  rig.fate = ({ message }) => message?.kind === "rtu" ? [] : [1];
  a.connect(b);
  rig.advance(10);
  accepted[0]!.connection.noticeTraffic();
  accepted[0]!.connection.noticeTraffic();
  assertEquals(accepted[0]!.established, 1);
  rig.advance(60_000);
  assertEquals(accepted[0]!.ends, []);
  assertEquals(accepted[0]!.connection.state, "established");
});

Deno.test("an RTU that arrives after the end makes the passive side end the active side", () => {
  const { rig, a, b, accepted } = pair();
  // The REP waits; the passive side gives up and its messages are lost.
  const reps: CmMessage[] = [];
  rig.fate = ({ message }) => {
    if (message?.kind === "rep") reps.push(message);
    return message?.kind === "req" ? [1] : [];
  };
  const { connection, ends } = a.connect(b, { timeout: 60_000 });
  rig.advance(10);
  accepted[0]!.connection.disconnect();
  rig.advance(DREQ_SENDS * 4096 + 100);
  assertEquals(accepted[0]!.connection.state, "timewait");
  rig.fate = () => [1];
  a.receive(reps[0]!, gsiAddress(2));
  assertEquals(connection.state, "established");
  rig.advance(10);
  assertEquals(ends, [{ why: "disconnected" }]);
});

Deno.test("a DREQ is repeated a few times, then the connection is forgotten", () => {
  const { rig, a, b } = pair();
  const { connection, ends } = a.connect(b);
  rig.advance(10);
  rig.fate = () => [];
  rig.sent.length = 0;
  connection.disconnect();
  connection.disconnect();
  assertEquals(connection.state, "dreq_sent");
  rig.advance(100_000);
  const times = sentTimes(rig, "dreq");
  assertEquals(times.length, DREQ_SENDS);
  assertInterval(times, 512);
  assertEquals([ends, a.remembered], [[], 0]);
});

Deno.test("both ends may disconnect at the same time", () => {
  const { rig, a, b, accepted } = pair();
  const { connection, ends } = a.connect(b);
  rig.advance(10);
  connection.disconnect();
  accepted[0]!.connection.disconnect();
  rig.advance(10);
  assertEquals(connection.state, "timewait");
  assertEquals(accepted[0]!.connection.state, "timewait");
  assertEquals([ends, accepted[0]!.ends], [[], []]);
});

Deno.test("an MRA postpones the next REQ, but not the timeout", () => {
  const { rig, a, b } = pair();
  rig.fate = () => [];
  const { ends } = a.connect(b);
  const req = rig.sent[0]!.message;
  assert(req?.kind === "req");
  const mra = (remoteCommId: number): CmMessage => ({
    kind: "mra",
    transactionId: req.transactionId,
    body: {
      localCommId: 5,
      remoteCommId,
      subject: 0,
      serviceTimeout: 31,
      privateData: new Uint8Array(0),
    },
  });
  a.receive(mra(req.body.localCommId), gsiAddress(2));
  rig.advance(4100);
  assertEquals(sentTimes(rig, "req").length, 1);
  assertEquals(ends, [{ why: "timeout" }]);
});

Deno.test("a queue pair that the remote end uses again makes the old connection stale", () => {
  const { rig, a, b, accepted } = pair();
  a.connect(b, { qpn: 0x500 });
  rig.advance(10);
  // The process at the other end is killed and started again with the same QPN.
  a.agent.closed = true;
  const restarted = rig.host(1);
  const first = restarted.connect(b, { qpn: 0x500 });
  rig.advance(10);
  const reason = RejectReason.StaleConnection;
  assertEquals(first.ends, [{ why: "rejected", reason }]);
  assertEquals(accepted[0]!.ends, [{ why: "stale" }]);
  const second = restarted.connect(b, { qpn: 0x500 });
  rig.advance(10);
  assertEquals(second.connection.state, "established");
  assertEquals(accepted.length, 2);
});

Deno.test("another port cannot make a connection stale", () => {
  const { rig, a, b, accepted } = pair();
  a.connect(b, { qpn: 0x500 });
  rig.advance(10);
  const req = rig.sent[0]!.message;
  assert(req?.kind === "req");
  const body = { ...req.body, localCommId: 77 };
  b.receive({ ...req, body }, gsiAddress(9));
  rig.advance(10);
  assertEquals(accepted[0]!.ends, []);
  assertEquals(rig.sent.at(-1)!.to, 9);
  assertEquals(rig.sent.at(-1)!.message?.kind, "rej");
});

Deno.test("a reply with a queue pair that is in use is rejected as stale", () => {
  const { rig, a, b } = pair();
  b.manager.listen(7n, (request) =>
    request.accept({
      qpn: 0x600,
      privateData: new Uint8Array(0),
    }, { onEnd: () => {} }));
  const first = a.connect(b, { serviceId: 7n });
  rig.advance(10);
  const second = a.connect(b, { serviceId: 7n });
  rig.advance(10);
  assertEquals(first.ends, [{ why: "stale" }]);
  assertEquals(second.ends, [{ why: "stale" }]);
});

Deno.test("a request that the consumer never answers is forgotten", () => {
  const { rig, a, b } = pair();
  b.manager.listen(7n, () => {});
  const { ends } = a.connect(b, { serviceId: 7n, timeout: 100_000 });
  rig.advance(REQUEST_TIMEOUT_MS + 100);
  assertEquals(ends, [{ why: "rejected", reason: RejectReason.Consumer }]);
  rig.advance(TIMEWAIT_MS + 100);
  assertEquals(b.remembered, 0);
});

Deno.test("close() sends DREQ and REJ, and no callback is called after it", () => {
  const { rig, a, b, accepted } = pair();
  const established = a.connect(b);
  rig.advance(10);
  rig.sent.length = 0;
  rig.fate = ({ to }) => to === 9 ? [] : [1];
  const pending = a.connect(b, {
    path: { ...a.pathTo(b), dlid: 9 },
  });
  a.manager.close();
  assertEquals(rig.takeKinds(), ["1 req", "1 dreq", "1 rej"]);
  rig.advance(60_000);
  assertEquals(accepted[0]!.ends, [{ why: "disconnected" }]);
  assertEquals([established.ends, pending.ends], [[], []]);
  assertEquals(a.remembered, 0);
  assertEquals(a.agent.closed, true);
});

Deno.test("a connection that is disconnected before its refusal reports nothing", () => {
  const { rig, a, b } = pair();
  rig.fate = () => [];
  const all: Active[] = [];
  for (let i = 0; i < 4096; i++) {
    all.push(a.connect(b, { timeout: 60_000, qpn: 0x1000 + i }));
  }
  rig.sent.length = 0;
  const [refused, cancelled] = [a.connect(b), a.connect(b)];
  cancelled!.connection.disconnect();
  assertEquals(rig.sent, [], "nothing is sent beyond the limit");
  rig.reactor.settle();
  const reason = RejectReason.NoResources;
  assertEquals(refused!.ends, [{ why: "rejected", reason }]);
  assertEquals(cancelled!.ends, []);
  assertEquals(a.manager.counters().refused_limit, 2);
});

Deno.test("a DREQ before the REP ends the active side, and the late REP is rejected", () => {
  const { rig, a, b, accepted } = pair();
  rig.fate = ({ message }) => message?.kind === "rep" ? [300] : [1];
  const { connection, ends, replies } = a.connect(b);
  rig.advance(10);
  accepted[0]!.connection.disconnect();
  rig.advance(10);
  assertEquals(ends, [{ why: "disconnected" }]);
  assertEquals(accepted[0]!.connection.state, "timewait");
  rig.advance(1000);
  assertEquals(replies, []);
  assertEquals(connection.state, "timewait");
  const rej = rig.sent.at(-1)!.message;
  assert(rej?.kind === "rej");
  assertEquals(rej.body.reason, RejectReason.Timeout);
  // Linux looks for the connection by the CA GUID.
  assertEquals(rej.body.ari, a.gid.slice(8));
});
