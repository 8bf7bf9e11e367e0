import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { broadcastJoin } from "../../src/sa/requests.ts";
import { gidFrom } from "../../src/wire/gid.ts";
import { broadcastMgid } from "../../src/wire/mgid.ts";
import { gsiAddress, MadStatus, Method } from "../../src/wire/mad.ts";
import { McMemberRecord } from "../../src/wire/sa/mc_member_record.ts";
import { PathMask, PathRecord } from "../../src/wire/sa/path_record.ts";
import { RMPP_VERSION } from "../../src/wire/sa/rmpp.ts";
import {
  NO_RMPP,
  RmppFlag,
  RmppType,
  SaAttribute,
  SaMad,
} from "../../src/wire/sa/sa_mad.ts";
import { Selector } from "../../src/wire/sa/selector.ts";
import { viewOf } from "../wire/support.ts";
import { gidOf, guidOf, Rig, type RigPort } from "./rig.ts";

/** Sends an SA MAD and returns the response, or undefined if there is none. */
function exchange(port: RigPort, fields: Partial<SaMad>): SaMad | undefined {
  const before = port.mads.length;
  const mad = SaMad.emit(SaMad.of({
    method: Method.Get,
    transactionId: 0xabcd_0000_0001n,
    attributeId: SaAttribute.PathRecord,
    ...fields,
  }));
  port.sendMad(mad, gsiAddress(1));
  port.rig.pump();
  const answer = port.mads[before];
  if (answer === undefined) return undefined;
  assertEquals(answer.address.lid, 1);
  return SaMad.parse(answer.mad);
}

/** Queries paths. Returns the records, or the status of a refusal. */
function paths(
  port: RigPort,
  mask: bigint,
  fields: Partial<PathRecord>,
  method: number = Method.Get,
): PathRecord[] | number {
  const answer = exchange(port, {
    method,
    componentMask: mask,
    data: PathRecord.emit(PathRecord.of(fields)),
  })!;
  if (answer.status !== 0) return answer.status;
  const count = method === Method.Get
    ? 1
    : (answer.rmpp.payloadLength - 20) / PathRecord.LENGTH;
  return Array.from(
    { length: count },
    (_, i) => PathRecord.parse(answer.data.subarray(i * PathRecord.LENGTH))!,
  );
}

const ENDS = PathMask.Sgid | PathMask.Dgid;

Deno.test("responses repeat TransactionID, attribute and component mask", () => {
  const port = new Rig().join(1);
  const answer = exchange(port, {
    componentMask: ENDS,
    data: PathRecord.emit(PathRecord.of({ sgid: port.gid, dgid: port.gid })),
  })!;
  assertEquals(answer.method, Method.GetResp);
  assertEquals(answer.status, 0);
  assertEquals(answer.transactionId, 0xabcd_0000_0001n);
  assertEquals(answer.attributeId, SaAttribute.PathRecord);
  assertEquals(answer.componentMask, ENDS);
  assertEquals(answer.attributeOffset, 8);
  assertEquals(answer.rmpp, NO_RMPP);
});

Deno.test("unsupported requests get the corresponding error status and a log line", () => {
  const rig = new Rig();
  const port = rig.join(1);
  const { RequestInvalid, UnsupportedMethodAttribute } = MadStatus;
  const cases: [Partial<SaMad>, number, number][] = [
    [{ classVersion: 1 }, MadStatus.BadVersion, 0x81],
    [{ method: Method.GetMulti }, UnsupportedMethodAttribute, 0x94],
    [
      { attributeId: SaAttribute.InformInfo },
      UnsupportedMethodAttribute,
      0x81,
    ],
    [
      { attributeId: SaAttribute.ClassPortInfo, method: Method.GetTable },
      RequestInvalid,
      0x92,
    ],
    [{ attributeId: SaAttribute.PkeyTableRecord }, RequestInvalid, 0x81],
  ];
  for (const [fields, status, method] of cases) {
    const answer = exchange(port, fields)!;
    assertEquals([answer.status, answer.method], [status, method]);
  }
  assertStringIncludes(
    rig.log.at(-1)!,
    "SA request 0x01/0x0033 from 0x0002c903",
  );
});

Deno.test("a query without a matching record is logged at the level debug only", () => {
  const rig = new Rig();
  const a = rig.join(1);
  const unknown = gidOf(0x77);
  const status = paths(a, ENDS, { sgid: a.gid, dgid: unknown }, Method.Get);
  assertEquals(status, MadStatus.NoRecords);
  assertMatch(rig.log.at(-1)!, /^debug: SA request .* no record matches/);
});

Deno.test("ClassPortInfo announces support of send-only full members", () => {
  const { data } = exchange(new Rig().join(1), {
    attributeId: SaAttribute.ClassPortInfo,
  })!;
  const capabilityMask2 = viewOf(data).getUint32(4) >>> 5;
  assertEquals(capabilityMask2 & 1 << 12, 1 << 12);
});

Deno.test("requests that OpenSM ignores get no response, but a log line with the reason", () => {
  const rig = new Rig();
  const port = rig.join(1);
  const cases: [Partial<SaMad>, string][] = [
    [{ method: 0x44 }, "unknown method"],
    [{ attributeId: 0x1234 }, "unknown attribute"],
    [{ method: Method.Set }, "read-only"],
    [{ method: Method.Delete }, "read-only"],
    [{ smKey: 2n }, "wrong SM_Key"],
  ];
  for (const [fields, reason] of cases) {
    assertEquals(exchange(port, fields), undefined);
    assertStringIncludes(rig.log.at(-1)!, reason);
  }
});

Deno.test("responses and methods other than requests get no response", () => {
  const port = new Rig().join(1);
  for (
    const method of [
      Method.GetResp,
      Method.DeleteResp,
      Method.GetTableResp,
      Method.Report,
      Method.ReportResp,
      Method.Trap,
      Method.Send,
      Method.TrapRepress,
    ]
  ) assertEquals(exchange(port, { method }), undefined);
});

Deno.test("responses and MADs with an active RMPP header are dropped without a log line", () => {
  const rig = new Rig();
  const port = rig.join(1);
  const before = rig.log.length;
  const flags = RmppFlag.Active;
  const data = { ...NO_RMPP, version: RMPP_VERSION, type: RmppType.Data };
  for (
    const fields of [
      { method: Method.GetResp },
      { method: Method.GetMulti, rmpp: { ...data, flags } },
      { method: Method.GetTable, rmpp: { ...data, type: RmppType.Ack, flags } },
    ]
  ) assertEquals(exchange(port, fields), undefined);
  assertEquals(rig.log.length, before);
});

Deno.test("a path has the parameters of the link, and HopLimit 0", () => {
  const rig = new Rig();
  const [a, b] = [rig.join(1), rig.join(2)];
  const mask = 0x340cn;
  const asked = {
    sgid: a.gid,
    dgid: b.gid,
    numbPath: 1,
    tclass: 0x20,
    pkey: 0x8001,
  };
  assertEquals(paths(a, mask, asked), [PathRecord.of({
    dgid: b.gid,
    sgid: a.gid,
    dlid: 3,
    slid: 2,
    reversible: true,
    pkey: 0x8001,
    mtuSelector: Selector.Exactly,
    mtu: 4,
    rateSelector: Selector.Exactly,
    rate: 16,
    lifetimeSelector: Selector.Exactly,
    lifetime: 18,
  })]);
});

Deno.test("a path to the port itself has life time 0", () => {
  const port = new Rig().join(1);
  const found = paths(port, ENDS, { sgid: port.gid, dgid: port.gid });
  assert(typeof found !== "number");
  assertEquals([found[0]!.lifetime, found[0]!.pkey], [0, 0x8001]);
});

Deno.test("a query that no path matches gets the status no records", () => {
  const rig = new Rig();
  const [a, b] = [rig.join(1), rig.join(2)];
  const ends = { sgid: a.gid, dgid: b.gid };
  const none = (mask: bigint, fields: Partial<PathRecord>) =>
    assertEquals(
      paths(a, ENDS | mask, { ...ends, ...fields }),
      MadStatus.NoRecords,
    );
  const mtu = PathMask.Mtu | PathMask.MtuSelector;
  const rate = PathMask.Rate | PathMask.RateSelector;
  none(0n, { dgid: gidOf(9) });
  none(0n, { dgid: new Uint8Array(16) });
  none(PathMask.Pkey, { pkey: 0x8009 });
  none(mtu, { mtuSelector: Selector.GreaterThan, mtu: 4 });
  none(rate, { rateSelector: Selector.LessThan, rate: 2 });
  none(rate, { rateSelector: Selector.Exactly, rate: 3 });
  none(PathMask.Lifetime | PathMask.LifetimeSelector, {
    lifetimeSelector: Selector.GreaterThan,
    lifetime: 18,
  });
});

Deno.test("a path query for less than the link provides gets a path with lower limits", () => {
  const rig = new Rig();
  const [a, b] = [rig.join(1), rig.join(2)];
  const found = paths(
    a,
    ENDS | PathMask.Sl | PathMask.Mtu | PathMask.MtuSelector | PathMask.Rate |
      PathMask.RateSelector | PathMask.Lifetime | PathMask.LifetimeSelector,
    {
      ...{ sgid: a.gid, dgid: b.gid, sl: 3 },
      ...{ mtuSelector: Selector.Exactly, mtu: 2 },
      ...{ rateSelector: Selector.LessThan, rate: 16 },
      ...{ lifetimeSelector: Selector.LessThan, lifetime: 10 },
    },
  );
  assert(typeof found !== "number");
  const { sl, mtu, rate, lifetime } = found[0]!;
  // Rate 10 is 120 Gb/s with 8b/10b coding: a lower data rate than rate 16, 100 Gb/s with 64b/66b.
  assertEquals([sl, mtu, rate, lifetime], [3, 2, 10, 9]);
});

Deno.test("contradictory, undefined and incomplete path requests get an error status", () => {
  const rig = new Rig();
  const [a, b] = [rig.join(1), rig.join(2)];
  const mask = ENDS | PathMask.Dlid;
  const request = { sgid: a.gid, dgid: b.gid, dlid: 2 };
  assertEquals(paths(a, mask, request), MadStatus.RequestInvalid);
  assertEquals(
    paths(a, PathMask.Mtu | PathMask.MtuSelector, { mtu: 9 }),
    MadStatus.RequestInvalid,
  );
  assertEquals(paths(a, 1n, {}), MadStatus.InsufficientComponents);
});

Deno.test("a path query may name the manager by GID and LID, and no port that is down", () => {
  const rig = new Rig();
  const [a, b] = [rig.join(1), rig.join(2)];
  const mask = ENDS | PathMask.Dlid;
  const request = { sgid: a.gid, dgid: gidFrom(0xfe80n << 48n, 1n), dlid: 1 };
  const found = paths(a, mask, request);
  assert(typeof found !== "number");
  assertEquals(found.map(({ dlid }) => dlid), [1]);
  rig.manager.setPortState(BigInt(guidOf(2)), "down", rig.clock.now());
  rig.pump();
  for (const bit of [PathMask.Dgid, PathMask.Dlid]) {
    const only = PathMask.Sgid | bit;
    assertEquals(
      paths(a, only, { sgid: a.gid, dgid: b.gid, dlid: 3 }),
      MadStatus.NoRecords,
    );
  }
});

Deno.test("GetTable returns all paths, Get the first", () => {
  const rig = new Rig();
  const a = rig.join(1);
  rig.join(2);
  const list = (mask: bigint, fields: Partial<PathRecord>) =>
    paths(a, mask, fields, Method.GetTable);
  const lids = (found: PathRecord[] | number) => {
    assert(typeof found !== "number");
    return found.map((path) => [path.slid, path.dlid]);
  };
  // The manager (LID 1) is an end of paths too.
  assertEquals(lids(list(PathMask.Slid, { slid: 2 })), [
    ...[[2, 1], [2, 2], [2, 3]],
  ]);
  assertEquals(lids(list(PathMask.Dgid, { dgid: gidOf(2) })), [
    ...[[1, 3], [2, 3], [3, 3]],
  ]);
  assertEquals(list(PathMask.Slid, { slid: 99 }), []);
  const none = PathMask.Slid | PathMask.NumbPath;
  assertEquals(list(none, { slid: 2, numbPath: 0 }), []);
  assertEquals(lids(paths(a, PathMask.Slid, { slid: 2 })), [[2, 1]]);
});

Deno.test("the path to a group has its MLID; the source must be a member", () => {
  const rig = new Rig();
  const port = rig.join(1);
  const dgid = broadcastMgid(0x8001);
  const nonMember = paths(port, ENDS, { sgid: port.gid, dgid });
  assertEquals(nonMember, MadStatus.NoRecords);
  const request = broadcastJoin(dgid, port.gid, 0x8001);
  port.ask((now, cb) => port.client.join(request, now, cb));
  const found = paths(port, ENDS, { sgid: port.gid, dgid });
  assert(typeof found !== "number");
  assertEquals(found[0]!.dlid, 0xc001);
  assertEquals([found[0]!.pkey, found[0]!.rate], [0x8001, 3]);
  const wrong = { sgid: port.gid, dgid, pkey: 0xffff };
  assertEquals(paths(port, ENDS | PathMask.Pkey, wrong), MadStatus.NoRecords);
  const absent = { sgid: port.gid, dgid: broadcastMgid(0x8009) };
  assertEquals(paths(port, ENDS, absent), MadStatus.NoRecords);
});

Deno.test("there is no path between two limited members", () => {
  const all = { port: "ALL", membership: "limited" } as const;
  const rig = new Rig({
    partitions: [{ name: "Default", pkey: 0x7fff, members: [all] }],
  });
  const [a, b] = [rig.join(1), rig.join(2)];
  const ends = { sgid: a.gid, dgid: b.gid };
  assertEquals(paths(a, ENDS, ends), MadStatus.NoRecords);
});

Deno.test("GetTable returns the groups of the requester's partitions, without members", () => {
  const port = new Rig().join(1);
  const join = broadcastJoin(broadcastMgid(0xffff), port.gid, 0xffff);
  port.ask((now, cb) => port.client.join(join, now, cb));
  const answer = exchange(port, {
    method: Method.GetTable,
    attributeId: SaAttribute.McMemberRecord,
  })!;
  assertEquals(answer.status, 0);
  assertEquals(answer.method, Method.GetTableResp);
  assertEquals(answer.attributeOffset, 7);
  assertEquals(answer.rmpp, {
    version: 1,
    type: 1,
    respTime: 0,
    flags: 7,
    status: 0,
    segment: 1,
    payloadLength: 20 + 3 * 56,
  });
  const records = [0, 56, 112].map((at) =>
    McMemberRecord.parse(answer.data.subarray(at))!
  );
  assertEquals(records.map((r) => r.mlid), [0xc001, 0xc002, 0xc000]);
  assertEquals(records.map((r) => r.joinState), [0, 0, 0]);
});
