import { assert, assertEquals } from "@std/assert";
import { groupJoin, groupLeave } from "../../src/sa/requests.ts";
import { REPORT_SENDS } from "../../src/subnet/traps.ts";
import { gidKey } from "../../src/wire/gid.ts";
import { Method } from "../../src/wire/mad.ts";
import { broadcastMgid, ipv4Mgid } from "../../src/wire/mgid.ts";
import { INFORM_ANY, type InformInfo } from "../../src/wire/sa/inform_info.ts";
import { McMemberRecord } from "../../src/wire/sa/mc_member_record.ts";
import { TrapNumber } from "../../src/wire/sa/notice.ts";
import { SaMad } from "../../src/wire/sa/sa_mad.ts";
import { informTrap, noticeGid } from "../wire/sa/subscriber.ts";
import { gidOf, guidOf, Rig, type RigPort } from "./rig.ts";

const LINK = McMemberRecord.of({ pkey: 0xffff, qkey: 0xb1b, mtu: 4, rate: 3 });
const MGID = ipv4Mgid(0xef000001 | 0, broadcastMgid(0xffff));

function inform(port: RigPort, info: InformInfo) {
  return port.ask<InformInfo>((_now, cb) => port.queries.inform(info, cb))!;
}
function reports(port: RigPort): [number, string][] {
  return port.notices.map((n) => [n.trapNumber, gidKey(noticeGid(n))]);
}
function create(port: RigPort): void {
  const request = groupJoin(MGID, port.gid, LINK);
  assert(port.ask((now, cb) => port.client.join(request, now, cb))?.ok);
}

Deno.test("subscribers receive Reports of created and deleted groups and of ports in and out of service", () => {
  const rig = new Rig();
  const [a, b] = [rig.join(1), rig.join(2)];
  const info = informTrap(INFORM_ANY);
  assertEquals(inform(a, info), { ok: true, record: info });
  create(b);
  const leave = groupLeave(MGID, b.gid, 1);
  b.ask((now, cb) => b.client.leave(leave, now, cb));
  const c = rig.join(3);
  rig.leave(c);
  assertEquals(reports(a), [
    [TrapNumber.McGroupCreated, gidKey(MGID)],
    [TrapNumber.McGroupDeleted, gidKey(MGID)],
    [TrapNumber.GidInService, gidKey(gidOf(3))],
    [TrapNumber.GidOutOfService, gidKey(gidOf(3))],
  ]);
  assertEquals(a.notices[0]!.issuerLid, 1);
  assertEquals(b.notices, []);
});

Deno.test("a port with several subscriptions to a trap receives one Report of it, and none of other traps", () => {
  const rig = new Rig();
  const a = rig.join(1);
  inform(a, informTrap(TrapNumber.McGroupCreated));
  inform(a, informTrap(TrapNumber.McGroupCreated));
  inform(a, { ...informTrap(TrapNumber.McGroupCreated), type: 3 });
  rig.join(2);
  create(a);
  assertEquals(reports(a), [[66, gidKey(MGID)]]);
  rig.advance(2000);
  assertEquals(reports(a).length, 1);
});

Deno.test("a notice is reported only to subscriptions that match it", () => {
  const info = informTrap(INFORM_ANY);
  for (
    const other of [
      { ...info, type: 4 },
      { ...info, isGeneric: false },
      { ...info, producerType: 1 },
      { ...info, lidRangeBegin: 2, lidRangeEnd: 9 },
      { ...info, gid: gidOf(1) },
    ]
  ) {
    const rig = new Rig();
    const port = rig.join(1);
    assert(inform(port, other).ok);
    rig.join(2);
    assertEquals(port.notices, []);
  }
  const rig = new Rig();
  const port = rig.join(1);
  inform(port, { ...info, lidRangeBegin: 1 });
  rig.join(2);
  assertEquals(port.notices.length, 1);
});

Deno.test("a subscription can be cancelled once", () => {
  const rig = new Rig();
  const port = rig.join(1);
  inform(port, informTrap(INFORM_ANY));
  const cancel = informTrap(INFORM_ANY, false);
  assert(inform(port, cancel).ok);
  assertEquals(inform(port, cancel), { ok: false, status: 0x0200, errno: 22 });
  rig.join(2);
  assertEquals(port.notices, []);
});

Deno.test("a Report is retransmitted until its ReportResp arrives", () => {
  const rig = new Rig();
  const port = rig.join(1);
  inform(port, informTrap(INFORM_ANY));
  const isReportResp = (frame: Uint8Array) =>
    SaMad.parse(frame.subarray(16))?.method === Method.ReportResp;
  rig.lose = (toManager, frame) => toManager && isReportResp(frame);
  rig.join(2);
  rig.advance(250);
  assertEquals(port.notices.length, 2);
  rig.lose = () => false;
  rig.advance(200);
  assertEquals(port.notices.length, 3);
  rig.advance(2000);
  assertEquals(port.notices.length, 3);
});

Deno.test("a Report without ReportResp is sent REPORT_SENDS times", () => {
  const rig = new Rig();
  const port = rig.join(1);
  inform(port, informTrap(INFORM_ANY));
  rig.lose = (toManager, frame) => toManager && frame[0] === 2;
  rig.join(2);
  rig.advance(5000);
  assertEquals(port.notices.length, REPORT_SENDS);
  assertEquals(rig.manager.tick(rig.clock.now()), Infinity);
});

Deno.test("groups are reported only to members of their partition", () => {
  const all = { port: "ALL", membership: "full" } as const;
  const rig = new Rig({
    partitions: [
      { name: "Default", pkey: 0x7fff, members: [all] },
      {
        name: "other",
        pkey: 3,
        members: [{ port: BigInt(guidOf(1)), membership: "full" }],
      },
    ],
  });
  const [a, b] = [rig.join(1), rig.join(2)];
  inform(a, informTrap(INFORM_ANY));
  inform(b, informTrap(INFORM_ANY));
  const mgid = new Uint8Array(16);
  mgid.set([0xff, 0x12]);
  const link = { ...LINK, pkey: 0x8003 };
  const request = groupJoin(mgid, a.gid, link);
  assert(a.ask((now, cb) => a.client.join(request, now, cb))?.ok);
  assertEquals([a.notices.length, b.notices.length], [1, 0]);
});

Deno.test("the pending Reports of a port are deleted when the port disconnects", () => {
  const rig = new Rig();
  const port = rig.join(1);
  inform(port, informTrap(INFORM_ANY));
  rig.lose = (toManager, frame) => toManager && frame[0] === 2;
  rig.join(2);
  rig.leave(port);
  assertEquals(rig.manager.tick(rig.clock.now() + 1000), Infinity);
});
