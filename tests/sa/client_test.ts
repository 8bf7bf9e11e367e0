import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { SaClient } from "../../src/sa/client.ts";
import { broadcastJoin, groupJoin, groupLeave } from "../../src/sa/requests.ts";
import type { SaResult } from "../../src/sa/result.ts";
import {
  gsiAddress,
  type MadAddress,
  MadStatus,
  Method,
} from "../../src/wire/mad.ts";
import { broadcastMgid, ipv4Mgid } from "../../src/wire/mgid.ts";
import { McMemberRecord } from "../../src/wire/sa/mc_member_record.ts";
import { Notice } from "../../src/wire/sa/notice.ts";
import { PathRecord } from "../../src/wire/sa/path_record.ts";
import { SaAttribute, SaMad } from "../../src/wire/sa/sa_mad.ts";
import { gidOf, Rig } from "../subnet/rig.ts";

const BROADCAST = broadcastMgid(0xffff);
const PATH = { sgid: gidOf(1), dgid: gidOf(2), pkey: 0xffff, tclass: 0 };
const FROM = gsiAddress(1);

/** Returns a client whose MADs are recorded in `sent`, and `due()`, the time of its next tick. */
function recordedClient() {
  const sent: { mad: Uint8Array; to: MadAddress }[] = [];
  const location = { smLid: 1, smSl: 0, pkeyIndex: 0 };
  const port = { active: true };
  let due = Infinity;
  const client = new SaClient({
    agent: { send: (mad, to) => sent.push({ mad: mad.slice(), to }) },
    location: () => location,
    active: () => port.active,
    wakeAt: (when) => due = when,
  });
  const request = (i: number) => SaMad.parse(sent[i]!.mad)!;
  const answer = (i: number, fields: Partial<SaMad> = {}) =>
    SaMad.emit({ ...request(i), method: Method.GetResp, ...fields });
  return { sent, location, port, client, due: () => due, request, answer };
}
function recorder<T>() {
  const results: [SaResult<T>, number][] = [];
  const callback = (result: SaResult<T>, now: number) =>
    void results.push([result, now]);
  return { results, callback };
}
const failure = (errno: number, status = 0) => ({
  ok: false as const,
  status,
  errno,
});

Deno.test("queryPath() sends the request of ib_ipoib", () => {
  const { client, sent, request } = recordedClient();
  client.queryPath(PATH, 0, () => {});
  assertEquals(sent[0]!.to, FROM);
  const { data, ...header } = request(0);
  assertEquals(header.componentMask, 0x340cn);
  assertEquals([header.method, header.attributeId], [1, 0x35]);
  assertEquals([header.classVersion, header.transactionId], [2, 1n]);
  assertEquals(
    PathRecord.parse(data),
    PathRecord.of({ ...PATH, numbPath: 1 }),
  );
});

Deno.test("queryPath() returns a path of the embedded subnet", () => {
  const rig = new Rig();
  const [a, b] = [rig.join(1), rig.join(2)];
  const result = a.ask<PathRecord>((now, cb) =>
    a.client.queryPath(PATH, now, cb)
  );
  assert(result?.ok);
  assertEquals([result.record.dlid, result.record.dgid], [3, b.gid]);
});

Deno.test("a response with an error status fails the request with EINVAL and the status", () => {
  const rig = new Rig();
  const port = rig.join(1);
  const result = port.ask<PathRecord>((now, cb) =>
    port.client.queryPath(PATH, now, cb)
  );
  assertEquals(result, failure(22, MadStatus.NoRecords));
});

Deno.test("a path request is sent eleven times and fails with ETIMEDOUT after 1.1 s", () => {
  const { client, sent, due } = recordedClient();
  const { results, callback } = recorder();
  client.queryPath(PATH, 1000, callback);
  for (let sends = 1; sends <= 11; sends++) {
    assertEquals(sent.length, sends);
    assertEquals(due(), 1000 + 100 * sends);
    client.tick(due() - 1);
    assertEquals(sent.length, sends);
    client.tick(due());
  }
  assertEquals(results, [[failure(110), 2100]]);
  assertEquals(sent.length, 11);
  assertEquals(sent[10]!.mad, sent[0]!.mad);
  assertEquals(due(), Infinity);
});

Deno.test("joins and leaves are retransmitted after 300 ms", () => {
  for (const action of ["join", "leave"] as const) {
    const { client, due } = recordedClient();
    const request = action === "join"
      ? broadcastJoin(BROADCAST, gidOf(1), 0xffff)
      : groupLeave(BROADCAST, gidOf(1), 1);
    client[action](request, 0, () => {});
    assertEquals(due(), 300, action);
  }
});

Deno.test("a request succeeds after lost requests and responses", () => {
  const rig = new Rig();
  const [a] = [rig.join(1), rig.join(2)];
  let lost = 0;
  rig.lose = (_, frame) => frame[0] === 2 && lost++ < 5;
  const { results, callback } = recorder<PathRecord>();
  a.client.queryPath(PATH, rig.clock.now(), callback);
  rig.advance(1000);
  assertEquals(results.length, 1);
  assert(results[0]![0].ok);
  assertEquals(results[0]![1], 1000 + 5 * 100);
});

Deno.test("each transmission uses the current LID and SL of the subnet manager", () => {
  const { client, sent, location } = recordedClient();
  location.smLid = 0;
  client.queryPath(PATH, 0, () => {});
  assertEquals(sent.length, 0);
  Object.assign(location, { smLid: 9, smSl: 3, pkeyIndex: 2 });
  client.tick(100);
  assertEquals(sent[0]!.to, { ...FROM, lid: 9, sl: 3, pkeyIndex: 2 });
});

Deno.test("responses are matched by the low half of the TransactionID", () => {
  const { client, answer, due } = recordedClient();
  const { results, callback } = recorder<PathRecord>();
  client.queryPath(PATH, 0, callback);
  client.queryPath(PATH, 0, callback);
  const record = PathRecord.of({ dlid: 7 });
  const data = PathRecord.emit(record);
  const [first, second] = [answer(0), answer(1, { data })];
  second[11] = 0x77; // in the high half, which belongs to the kernel
  client.onMad(second, FROM, 5);
  assertEquals(results, [[{ ok: true, record }, 5]]);
  client.onMad(second, FROM, 6); // a duplicate: the request is completed
  client.onMad(first, FROM, 7);
  assertEquals(results.map(([, now]) => now), [5, 7]);
  assertEquals(due(), Infinity);
});

Deno.test("onMad() ignores MADs that are not a response to a pending request", () => {
  const { client, answer } = recordedClient();
  const { results, callback } = recorder<PathRecord>();
  client.queryPath(PATH, 0, callback);
  const good = answer(0);
  client.onMad(answer(0, { method: Method.Get }), FROM, 1);
  client.onMad(answer(0, { method: Method.DeleteResp }), FROM, 1);
  client.onMad(answer(0, { attributeId: 0x38 }), FROM, 1);
  client.onMad(answer(0, { transactionId: 5n }), FROM, 1);
  client.onMad(good, { ...FROM, lid: 2 }, 1);
  client.onMad(good.subarray(1), FROM, 1);
  assertEquals(results, []);
  client.onMad(good, FROM, 2);
  assertEquals(results.length, 1);
});

Deno.test("the callback of a cancelled request is not called", () => {
  const { client, answer, due } = recordedClient();
  const { results, callback } = recorder<PathRecord>();
  const request = client.queryPath(PATH, 0, callback);
  request.cancel();
  request.cancel();
  assertEquals(due(), Infinity);
  client.onMad(answer(0), FROM, 1);
  client.tick(9999);
  assertEquals(results, []);
});

Deno.test("a callback may cancel a request that is due in the same tick", () => {
  const { client, due } = recordedClient();
  const { results, callback } = recorder<PathRecord>();
  client.queryPath(PATH, 0, () => other.cancel());
  const other = client.queryPath(PATH, 0, callback);
  for (let now = 100; now <= 2000; now += 100) client.tick(now);
  assertEquals(results, []);
  assertEquals(due(), Infinity);
});

Deno.test("join() joins and creates a group of the embedded subnet, leave() leaves it", () => {
  const rig = new Rig();
  const port = rig.join(1);
  const ask = port.ask.bind(port)<McMemberRecord>;
  const link = ask((now, cb) =>
    port.client.join(broadcastJoin(BROADCAST, port.gid, 0xffff), now, cb)
  );
  assert(link?.ok);
  const mgid = ipv4Mgid(0xef000001 | 0, BROADCAST);
  const group = ask((now, cb) =>
    port.client.join(groupJoin(mgid, port.gid, link.record, 8), now, cb)
  );
  assert(group?.ok);
  assertEquals([group.record.mlid, group.record.joinState], [0xc003, 8]);
  const left = ask((now, cb) =>
    port.client.leave(groupLeave(mgid, port.gid, 8), now, cb)
  );
  assert(left?.ok);
  assertEquals(rig.snapshot.groups.length, 3);
});

Deno.test("leave() repeats a failed request three times, but not one that is refused as invalid", () => {
  const { client, sent, answer, due } = recordedClient();
  const { results, callback } = recorder<McMemberRecord>();
  const request = groupLeave(BROADCAST, gidOf(1), 1);
  client.leave(request, 0, callback);
  for (let i = 0; i < 4; i++) {
    const busy = { method: Method.DeleteResp, status: MadStatus.NoResources };
    assertEquals([results.length, sent.length], [0, i + 1]);
    client.onMad(answer(i, busy), FROM, 10 * i);
  }
  assertEquals(results, [[failure(22, MadStatus.NoResources), 30]]);
  client.leave(request, 40, callback);
  const status = MadStatus.RequestInvalid;
  client.onMad(answer(4, { method: Method.DeleteResp, status }), FROM, 50);
  assertEquals(results.slice(1), [[failure(22, status), 50]]);
  assertEquals([sent.length, due()], [5, Infinity]);
});

Deno.test("leave() on a port that is not active is not sent, and is not repeated after the port went down", () => {
  const { client, sent, port, due } = recordedClient();
  const { results, callback } = recorder<McMemberRecord>();
  const request = groupLeave(BROADCAST, gidOf(1), 1);
  port.active = false;
  client.leave(request, 0, callback);
  client.tick(due());
  port.active = true;
  client.leave(request, 1000, callback);
  port.active = false;
  client.tick(due());
  assertEquals(results, [[failure(100), 300], [failure(100), 1300]]);
  assertEquals([sent.length, due()], [1, Infinity]);
  // Other requests are sent.
  client.join(broadcastJoin(BROADCAST, gidOf(1), 0xffff), 2000, callback);
  assertEquals(sent.length, 2);
  // A port that is active again at once sends the leave.
  client.leave(request, 3000, callback);
  port.active = true;
  client.tick(3300);
  assertEquals(results.length, 2);
  assertEquals(SaMad.parse(sent.at(-1)!.mad)!.method, Method.Delete);
});

Deno.test("a repeated leave can be cancelled", () => {
  const { client, answer, due } = recordedClient();
  const { results, callback } = recorder<McMemberRecord>();
  const leave = client.leave(groupLeave(BROADCAST, gidOf(1), 1), 0, callback);
  const refused = { method: Method.DeleteResp, status: MadStatus.NoResources };
  client.onMad(answer(0, refused), FROM, 1);
  leave.cancel();
  assertEquals([due(), results.length], [Infinity, 0]);
});

Deno.test("leave() succeeds if a retransmission is refused because there is no membership", () => {
  const { client, answer, due } = recordedClient();
  const { results, callback } = recorder<McMemberRecord>();
  const leave = groupLeave(BROADCAST, gidOf(1), 1);
  client.leave(leave, 1000, callback);
  client.tick(1300);
  const refused = {
    method: Method.DeleteResp,
    status: MadStatus.RequestInvalid,
  };
  client.onMad(answer(1, refused), FROM, 1310);
  const record = { ...leave.record, joinState: 0 };
  assertEquals(results, [[{ ok: true, record }, 1310]]);
  assertEquals(due(), Infinity);
});

Deno.test("join() fails if a retransmission is refused", () => {
  const { client, answer } = recordedClient();
  const { results, callback } = recorder<McMemberRecord>();
  client.join(broadcastJoin(BROADCAST, gidOf(1), 0xffff), 0, callback);
  client.tick(300);
  const status = MadStatus.RequestInvalid;
  client.onMad(answer(1, { status }), FROM, 310);
  assertEquals(results, [[failure(22, status), 310]]);
});

Deno.test("onMad() ignores Reports", () => {
  const { client, sent, request, answer, due } = recordedClient();
  const { results, callback } = recorder<PathRecord>();
  client.queryPath(PATH, 0, callback);
  const { transactionId } = request(0);
  const notice = Notice.aboutGid(66, BROADCAST, 1, gidOf(9));
  for (const id of [0x1234n, transactionId]) {
    const report = SaMad.of({
      method: Method.Report,
      transactionId: id,
      attributeId: SaAttribute.Notice,
      data: Notice.emit(notice),
    });
    client.onMad(SaMad.emit(report), FROM, 1);
  }
  assertEquals([sent.length, results.length, due()], [1, 0, 100]);
  client.onMad(answer(0), FROM, 2);
  assertEquals(results.length, 1);
});

Deno.test("onMad() neither throws nor completes a request for arbitrary MADs", () => {
  const { client, answer, due } = recordedClient();
  client.queryPath(PATH, 0, () => {});
  const good = answer(0);
  fc.assert(fc.property(
    fc.uint8Array({ maxLength: 300 }),
    fc.nat(255),
    fc.nat(255),
    (bytes, at, value) => {
      client.onMad(bytes, FROM, 0);
      const mad = good.slice();
      mad[at] = value;
      mad[3] = 0x90; // a response method that no request expects
      client.onMad(mad, FROM, 0);
    },
  ));
  assertEquals(due(), 100);
});
