import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { MadAddress } from "../../src/hca/hca.ts";
import { SaClient } from "../../src/sa/client.ts";
import { broadcastJoin, groupJoin, groupLeave } from "../../src/sa/requests.ts";
import type { SaResult } from "../../src/sa/result.ts";
import { GSI_QKEY, MadStatus, Method } from "../../src/wire/mad.ts";
import { broadcastMgid, ipv4Mgid } from "../../src/wire/mgid.ts";
import { InformInfo } from "../../src/wire/sa/inform_info.ts";
import { McMemberRecord } from "../../src/wire/sa/mc_member_record.ts";
import { Notice } from "../../src/wire/sa/notice.ts";
import { PathRecord } from "../../src/wire/sa/path_record.ts";
import { SaMad } from "../../src/wire/sa/sa_mad.ts";
import { gidOf, Rig } from "../subnet/rig.ts";

const BROADCAST = broadcastMgid(0xffff);
const PATH = { sgid: gidOf(1), dgid: gidOf(2), pkey: 0xffff, tclass: 0 };
const FROM: MadAddress = {
  lid: 1,
  qpn: 1,
  qkey: GSI_QKEY,
  pkeyIndex: 0,
  sl: 0,
};

/** A client over a channel that only remembers. */
function alone() {
  const sent: { mad: Uint8Array; to: MadAddress }[] = [];
  const location = { smLid: 1, smSl: 0, pkeyIndex: 0 };
  const notices: Notice[] = [];
  const client = new SaClient({
    agent: { send: (mad, to) => sent.push({ mad: mad.slice(), to }) },
    location: () => location,
    onReport: (notice) => notices.push(notice),
    firstTransaction: 0xffffffff,
  });
  const request = (i: number) => SaMad.parse(sent[i]!.mad)!;
  const answer = (i: number, fields: Partial<SaMad> = {}) =>
    SaMad.emit({ ...request(i), method: Method.GetResp, ...fields });
  return { sent, location, client, notices, request, answer };
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

Deno.test("a path request is what ib_ipoib sends", () => {
  const { client, sent, request } = alone();
  client.queryPath(PATH, 0, () => {});
  assertEquals(sent[0]!.to, FROM);
  const { data, ...header } = request(0);
  assertEquals(header.componentMask, 0x340cn);
  assertEquals([header.method, header.attributeId], [1, 0x35]);
  assertEquals([header.classVersion, header.transactionId], [2, 0xffffffffn]);
  assertEquals(
    PathRecord.parse(data),
    PathRecord.of({ ...PATH, numbPath: 1 }),
  );
});

Deno.test("a path is found on the embedded subnet", () => {
  const rig = new Rig();
  const [a, b] = [rig.join(1), rig.join(2)];
  const result = a.ask<PathRecord>((now, cb) =>
    a.client.queryPath(PATH, now, cb)
  );
  assert(result?.ok);
  assertEquals([result.record.dlid, result.record.dgid], [3, b.gid]);
  assertEquals(a.client.pending, 0);
  assertEquals(a.client.deadline, Infinity);
});

Deno.test("a refusal is EINVAL with its status", () => {
  const rig = new Rig();
  const port = rig.join(1);
  const result = port.ask<PathRecord>((now, cb) =>
    port.client.queryPath(PATH, now, cb)
  );
  assertEquals(result, failure(22, MadStatus.NoRecords));
});

Deno.test("a path request is sent eleven times in 1.1 s and then timed out", () => {
  const { client, sent } = alone();
  const { results, callback } = recorder();
  client.queryPath(PATH, 1000, callback);
  for (let sends = 1; sends <= 11; sends++) {
    assertEquals(sent.length, sends);
    assertEquals(client.deadline, 1000 + 100 * sends);
    client.tick(client.deadline - 1);
    assertEquals(sent.length, sends);
    client.tick(client.deadline);
  }
  assertEquals(results, [[failure(110), 2100]]);
  assertEquals(sent.length, 11);
  assertEquals(sent[10]!.mad, sent[0]!.mad);
  assertEquals(client.tick(9999), Infinity);
});

Deno.test("joins and leaves are repeated every 300 ms", () => {
  const { client } = alone();
  const join = broadcastJoin(BROADCAST, gidOf(1), 0xffff);
  client.join(join, 0, () => {});
  assertEquals(client.deadline, 300);
});

Deno.test("lost requests and answers are made up for", () => {
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

Deno.test("the subnet manager's LID and SL are followed from send to send", () => {
  const { client, sent, location } = alone();
  location.smLid = 0;
  client.queryPath(PATH, 0, () => {});
  assertEquals(sent.length, 0);
  Object.assign(location, { smLid: 9, smSl: 3, pkeyIndex: 2 });
  client.tick(100);
  assertEquals(sent[0]!.to, { ...FROM, lid: 9, sl: 3, pkeyIndex: 2 });
});

Deno.test("answers are matched by the low half of the TransactionID", () => {
  const { client, answer } = alone();
  const { results, callback } = recorder<PathRecord>();
  client.queryPath(PATH, 0, callback);
  client.queryPath(PATH, 0, callback);
  assertEquals(client.pending, 2);
  const record = PathRecord.of({ dlid: 7 });
  const data = PathRecord.emit(record);
  const [first, second] = [answer(0), answer(1, { data })];
  second[11] = 0x77; // in the high half, which is the kernel's
  client.onMad(second, FROM, 5);
  assertEquals(results, [[{ ok: true, record }, 5]]);
  client.onMad(second, FROM, 6); // again: nobody waits any more
  client.onMad(first, FROM, 7);
  assertEquals(results.map(([, now]) => now), [5, 7]);
});

Deno.test("TransactionIDs wrap around and leave out 0 and those in use", () => {
  const { client, request } = alone();
  for (let i = 0; i < 3; i++) client.queryPath(PATH, 0, () => {});
  assertEquals([0, 1, 2].map((i) => request(i).transactionId), [
    0xffffffffn,
    1n,
    2n,
  ]);
});

Deno.test("what is not the answer is not taken for it", () => {
  const { client, answer } = alone();
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

Deno.test("a cancelled request calls nobody", () => {
  const { client, answer } = alone();
  const { results, callback } = recorder<PathRecord>();
  const request = client.queryPath(PATH, 0, callback);
  request.cancel();
  request.cancel();
  client.onMad(answer(0), FROM, 1);
  assertEquals(client.tick(9999), Infinity);
  assertEquals(results, []);
});

Deno.test("flush() ends everything with EINTR, and callbacks may ask again", () => {
  const { client, sent } = alone();
  const { results, callback } = recorder<PathRecord>();
  client.queryPath(PATH, 0, (result, now) => {
    callback(result, now);
    client.queryPath(PATH, now, callback);
  });
  client.queryPath(PATH, 0, callback);
  client.flush(50);
  assertEquals(results, [[failure(4), 50], [failure(4), 50]]);
  assertEquals([client.pending, client.deadline, sent.length], [1, 150, 3]);
});

Deno.test("a time-out may cancel a request that is due in the same tick", () => {
  const { client } = alone();
  const { results, callback } = recorder<PathRecord>();
  client.queryPath(PATH, 0, () => other.cancel());
  const other = client.queryPath(PATH, 0, callback);
  for (let now = 100; now <= 2000; now += 100) client.tick(now);
  assertEquals(results, []);
  assertEquals(client.pending, 0);
});

Deno.test("a group is joined, created and left", () => {
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

Deno.test("a leave that fails is repeated three times, unless it was flushed", () => {
  const { client, sent, answer } = alone();
  const { results, callback } = recorder<McMemberRecord>();
  const request = groupLeave(BROADCAST, gidOf(1), 1);
  client.leave(request, 0, callback);
  for (let i = 0; i < 4; i++) {
    const refused = { method: Method.DeleteResp, status: 0x0200 };
    assertEquals([results.length, sent.length], [0, i + 1]);
    client.onMad(answer(i, refused), FROM, 10 * i);
  }
  assertEquals(results, [[failure(22, 0x0200), 30]]);
  assertEquals(client.pending, 0);
  client.leave(request, 100, callback);
  client.flush(200);
  assertEquals(results[1], [failure(4), 200]);
  assertEquals(sent.length, 5);
});

Deno.test("a repeated leave can still be cancelled", () => {
  const { client, answer } = alone();
  const { results, callback } = recorder<McMemberRecord>();
  const leave = client.leave(groupLeave(BROADCAST, gidOf(1), 1), 0, callback);
  const refused = { method: Method.DeleteResp, status: 0x0200 };
  client.onMad(answer(0, refused), FROM, 1);
  leave.cancel();
  assertEquals([client.pending, results.length], [0, 0]);
});

Deno.test("the administrator says that it knows send-only full members", () => {
  const rig = new Rig();
  const port = rig.join(1);
  const result = port.ask<{ capabilityMask2: number }>((now, cb) =>
    port.client.classPortInfo(now, cb)
  );
  assert(result?.ok);
  assertEquals(result.record.capabilityMask2 & 1 << 12, 1 << 12);
});

Deno.test("a Report is answered with its own MAD and given to the listener", () => {
  const { client, sent, notices } = alone();
  const notice = Notice.aboutGid(66, BROADCAST, 1, gidOf(9));
  const report = SaMad.emit({
    classVersion: 2,
    method: Method.Report,
    status: 0,
    transactionId: 0x1234n,
    attributeId: 2,
    attributeModifier: 0,
    rmpp: SaMad.parse(new Uint8Array([1, 3, ...new Uint8Array(254)]))!.rmpp,
    smKey: 0n,
    attributeOffset: 0,
    componentMask: 0n,
    data: Notice.emit(notice),
  });
  const grh = {
    gid: gidOf(5),
    sgidIndex: 0,
    flowLabel: 0,
    hopLimit: 64,
    trafficClass: 0,
  };
  const from = { ...FROM, lid: 5, sl: 2, grh };
  client.onMad(report, from, 0);
  assertEquals(notices, [notice]);
  assertEquals(sent[0]!.to, from, "by the way that it came");
  const answer = report.slice();
  answer[3] = Method.ReportResp;
  assertEquals(sent[0]!.mad, answer);
});

Deno.test("a subscription is answered with itself", () => {
  const rig = new Rig();
  const port = rig.join(1);
  const info = InformInfo.trap(66);
  const result = port.ask<InformInfo>((now, cb) =>
    port.client.inform(info, now, cb)
  );
  assertEquals(result, { ok: true, record: info });
});

Deno.test("what ends something is done when its repetition finds nothing to end", () => {
  const { client, sent, answer } = alone();
  const refused = { status: MadStatus.RequestInvalid };
  const info = { ...InformInfo.trap(66), subscribe: false };
  const unsubscribed = recorder<InformInfo>();
  client.inform(info, 0, unsubscribed.callback);
  client.tick(300);
  assertEquals(sent.length, 2);
  client.onMad(answer(1, refused), FROM, 310);
  assertEquals(unsubscribed.results, [[{ ok: true, record: info }, 310]]);

  const gid = gidOf(1);
  const leave = groupLeave(BROADCAST, gid, 1);
  const left = recorder<McMemberRecord>();
  client.leave(leave, 1000, left.callback);
  client.tick(1300);
  const method = Method.DeleteResp;
  client.onMad(answer(3, { ...refused, method }), FROM, 1310);
  const record = { ...leave.record, joinState: 0 };
  assertEquals(left.results, [[{ ok: true, record }, 1310]]);
  assertEquals(client.pending, 0);
});

Deno.test("a first refusal counts, and so does a repeated one of what begins something", () => {
  const { client, answer } = alone();
  const refused = { status: MadStatus.RequestInvalid };
  const results = [false, true].map((subscribe) => {
    const { results, callback } = recorder<InformInfo>();
    client.inform({ ...InformInfo.trap(66), subscribe }, 0, callback);
    return results;
  });
  client.onMad(answer(0, refused), FROM, 10);
  client.tick(300);
  client.onMad(answer(1, refused), FROM, 310);
  assertEquals(results.map(([result]) => result![0].ok), [false, false]);
});

Deno.test("no MAD upsets the client", () => {
  const { client, answer } = alone();
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
      mad[3] = 0x90; // an answer to nothing
      client.onMad(mad, FROM, 0);
    },
  ));
  assertEquals(client.pending, 1);
});
