/** Refused requests and replies, and messages that match no connection. */

import { assert, assertEquals } from "@std/assert";
import type { ConnectOptions } from "../../src/cm/events.ts";
import type { CmMessage } from "../../src/wire/cm/cm_message.ts";
import { RejectReason } from "../../src/wire/cm/rej.ts";
import type { Req } from "../../src/wire/cm/req.ts";
import { gsiAddress } from "../../src/wire/mad.ts";
import { PathRecord } from "../../src/wire/sa/path_record.ts";
import { type Active, CmRig, type Host, pair, SERVICE } from "./rig.ts";

/** The REJ of the sent messages. */
function rejOf(rig: CmRig) {
  const rejs = rig.sent.map(({ message }) => message)
    .filter((message) => message?.kind === "rej");
  assertEquals(rejs.length, 1);
  return rejs[0]!.body;
}

const REFUSED: [
  string,
  number,
  (a: Host, b: Host) => Partial<ConnectOptions>,
][] = [
  ["no listener", RejectReason.InvalidServiceId, () => ({ serviceId: 9n })],
  ["a GID that is not the port's", RejectReason.InvalidGid, (a, b) => ({
    path: PathRecord.of({ ...a.pathTo(b), dgid: a.gid }),
  })],
  ["a wrong source LID", RejectReason.InvalidLid, (a, b) => ({
    path: PathRecord.of({ ...a.pathTo(b), slid: 0xc001 }),
  })],
  ["a P_Key that the port lacks", RejectReason.Unsupported, (a, b) => ({
    path: PathRecord.of({ ...a.pathTo(b), pkey: 0x8001 }),
  })],
  ["an MTU above the port's", RejectReason.InvalidMtu, (a, b) => ({
    path: PathRecord.of({ ...a.pathTo(b), mtu: 5 }),
  })],
  ["an undefined MTU", RejectReason.InvalidMtu, (a, b) => ({
    path: PathRecord.of({ ...a.pathTo(b), mtu: 0 }),
  })],
  ["a management queue pair", RejectReason.NoQp, () => ({ qpn: 1 })],
];

for (const [name, reason, options] of REFUSED) {
  Deno.test(`a request with ${name} is refused with reason ${reason}`, () => {
    const { rig, a, b, accepted } = pair();
    const { ends, connection } = a.connect(b, options(a, b));
    rig.advance(10);
    assertEquals(rig.sent.map(({ message }) => message?.kind), ["req", "rej"]);
    assertEquals(ends, [{ why: "rejected", reason }]);
    assertEquals(accepted, []);
    assertEquals(b.remembered, 0, "nothing is kept of the request");
    assertEquals(connection.state, "timewait");
    rig.advance(20_000);
    assertEquals(a.remembered, 0);
  });
}

Deno.test("a request for another transport is refused with reason 9", () => {
  const { rig, a, b } = pair();
  a.connect(b);
  const { message } = rig.sent.shift()!;
  assert(message?.kind === "req");
  const body: Req = { ...message.body, transportType: 1 };
  b.receive({ ...message, body }, gsiAddress(1));
  assertEquals(rejOf(rig).reason, RejectReason.InvalidTransport);
});

Deno.test("the refusal of a GID contains the port's GID", () => {
  const { rig, a, b } = pair();
  a.connect(b, { path: PathRecord.of({ ...a.pathTo(b), dgid: a.gid }) });
  rig.advance(10);
  assertEquals(rejOf(rig).ari, b.gid);
});

Deno.test("the consumer's refusal is repeated for a repeated request", () => {
  const { rig, a, b } = pair();
  let asked = 0;
  b.manager.listen(7n, (request) => {
    asked++;
    request.reject(RejectReason.NoResources, Uint8Array.of(1, 2));
  });
  let lost = 2;
  rig.fate = ({ message }) => message?.kind === "rej" && lost-- > 0 ? [] : [1];
  const { ends } = a.connect(b, { serviceId: 7n });
  rig.advance(4000);
  assertEquals(asked, 1);
  assertEquals(ends, [{ why: "rejected", reason: RejectReason.NoResources }]);
  const rejs = rig.sent.filter(({ message }) => message?.kind === "rej");
  assertEquals(rejs.length, 3);
  for (const { message } of rejs) {
    assert(message?.kind === "rej");
    assertEquals(message.body.ari, Uint8Array.of(1, 2));
  }
});

Deno.test("a rejected reply ends the passive side", () => {
  const { rig, a, b, accepted } = pair();
  const active: Active = a.connect(b, {}, {
    onReply: () => active.connection.reject(RejectReason.Consumer),
  });
  rig.advance(10);
  assertEquals(accepted[0]!.ends, [
    { why: "rejected", reason: RejectReason.Consumer },
  ]);
  assertEquals(active.ends, []);
  assertEquals(rejOf(rig).subject, 1);
  rig.advance(20_000);
  assertEquals([a.remembered, b.remembered], [0, 0]);
});

Deno.test("a lost rejection of a reply is repeated", () => {
  const { rig, a, b, accepted } = pair();
  let lost = 1;
  rig.fate = ({ message }) => message?.kind === "rej" && lost-- > 0 ? [] : [1];
  const active: Active = a.connect(b, {}, {
    onReply: () => active.connection.reject(RejectReason.Consumer),
  });
  rig.advance(2000);
  assertEquals(accepted[0]!.ends, [
    { why: "rejected", reason: RejectReason.Consumer },
  ]);
});

Deno.test("a request that is given up ends the passive side", () => {
  const { rig, a, b } = pair();
  const ends: unknown[] = [];
  b.manager.listen(7n, (request) => {
    answers.push(() => ends.push(b.answer(request).ends));
  });
  const answers: (() => void)[] = [];
  const { connection } = a.connect(b, { serviceId: 7n });
  rig.advance(10);
  connection.disconnect();
  rig.advance(10);
  const rej = rejOf(rig);
  assertEquals(rej.reason, RejectReason.Timeout);
  assertEquals(rej.remoteCommId, 0);
  assertEquals(rej.ari.length, 8);
  answers[0]!();
  assertEquals(ends, [[]], "not inside accept()");
  rig.advance(10);
  assertEquals(ends, [[{ why: "timeout" }]]);
});

Deno.test("a DREQ for an unknown connection is answered", () => {
  const { rig, a, b } = pair();
  a.send(b, {
    kind: "dreq",
    transactionId: 5n,
    body: {
      localCommId: 11,
      remoteCommId: 22,
      remoteQpn: 33,
      privateData: new Uint8Array(0),
    },
  });
  rig.sent.length = 0;
  rig.advance(10);
  const message = rig.sent[0]!.message;
  assert(message?.kind === "drep");
  assertEquals(message.transactionId, 5n);
  assertEquals(message.body.localCommId, 22);
  assertEquals(message.body.remoteCommId, 11);
  assertEquals(b.remembered, 0);
});

Deno.test("other messages for unknown connections are dropped and counted", () => {
  const { rig, a, b } = pair();
  a.connect(b);
  rig.advance(10);
  const messages = rig.sent.splice(0).map(({ message }) => message);
  const third = rig.host();
  for (const message of messages) {
    assert(
      message?.kind === "req" || message?.kind === "rep" ||
        message?.kind === "rtu",
    );
    if (message.kind !== "req") third.receive(message, gsiAddress(1));
  }
  assertEquals(rig.sent, []);
  assertEquals(third.manager.counters().drop_unknown_id, 2);
});

Deno.test("a message from another LID does not reach the connection", () => {
  const { rig, a, b, accepted } = pair();
  const active = a.connect(b);
  rig.advance(10);
  active.connection.disconnect();
  const dreq = rig.sent.at(-1)!.message as CmMessage;
  assertEquals(dreq.kind, "dreq");
  b.receive(dreq, gsiAddress(9));
  assertEquals(accepted[0]!.ends, []);
  assertEquals(b.manager.counters().drop_wrong_source, 1);
  b.receive(dreq, gsiAddress(1));
  assertEquals(accepted[0]!.ends, [{ why: "disconnected" }]);
});

Deno.test("a DREQ with the wrong QPN or communication ID does not end the connection", () => {
  const { rig, a, b, accepted } = pair();
  a.connect(b);
  rig.advance(10);
  const rtu = rig.sent.at(-1)!.message;
  assert(rtu?.kind === "rtu");
  const { localCommId, remoteCommId } = rtu.body;
  const privateData = new Uint8Array(0);
  const send = (local: number, qpn: number) =>
    b.receive({
      kind: "dreq",
      transactionId: 0n,
      body: {
        localCommId: local,
        remoteCommId,
        remoteQpn: qpn,
        privateData,
      },
    }, gsiAddress(1));
  send(localCommId, 0x999);
  send(localCommId + 1, 0x100);
  assertEquals(accepted[0]!.ends, []);
  assertEquals(b.manager.counters().drop_wrong_qpn, 1);
  assertEquals(b.manager.counters().drop_unknown_id, 1);
});

Deno.test("unreadable MADs and unknown attributes are dropped and counted", () => {
  const { rig, a, b } = pair();
  a.connect(b);
  const { mad } = rig.sent.shift()!;
  const other = mad.slice();
  other[17] = 0x19;
  b.agent.onMad(other, gsiAddress(1));
  other[2] = 9;
  b.agent.onMad(other, gsiAddress(1));
  b.agent.onMad(mad.subarray(1), gsiAddress(1));
  const counters = b.manager.counters();
  assertEquals(counters.drop_unknown_attribute, 1);
  assertEquals(counters.drop_malformed, 2);
  assertEquals(rig.sent, []);
});

Deno.test("a request for a service whose listener was removed is refused", () => {
  const rig = new CmRig();
  const [a, b] = [rig.host(), rig.host()];
  const end = b.manager.listen(SERVICE, () => assert(false));
  end();
  const { ends } = a.connect(b);
  rig.advance(10);
  const reason = RejectReason.InvalidServiceId;
  assertEquals(ends, [{ why: "rejected", reason }]);
});
