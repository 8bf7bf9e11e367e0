import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  broadcastJoin,
  groupJoin,
  groupLeave,
  type MembershipRequest,
} from "../../src/sa/requests.ts";
import type { SaResult } from "../../src/sa/result.ts";
import { defaultPartitions } from "../../src/subnet/partitions.ts";
import { parseGid } from "../../src/wire/gid.ts";
import { MadStatus } from "../../src/wire/mad.ts";
import { broadcastMgid, ipv4Mgid } from "../../src/wire/mgid.ts";
import {
  GROUP_JOIN_MASK,
  JoinState,
  McMask,
  type McMemberRecord,
} from "../../src/wire/sa/mc_member_record.ts";
import { Selector } from "../../src/wire/sa/selector.ts";
import { Rig, type RigPort } from "./rig.ts";

const BROADCAST = broadcastMgid(0xffff);
const MGID = ipv4Mgid(0xef010203 | 0, BROADCAST);

function join(port: RigPort, request: MembershipRequest) {
  return port.ask<McMemberRecord>((now, cb) =>
    port.client.join(request, now, cb)
  )!;
}
function leave(port: RigPort, request: MembershipRequest) {
  const result = port.ask<McMemberRecord>((now, cb) =>
    port.client.leave(request, now, cb)
  );
  return result!;
}
function joinBroadcast(port: RigPort): McMemberRecord {
  const result = join(port, broadcastJoin(BROADCAST, port.gid, 0xffff));
  assert(result.ok);
  return result.record;
}
/** Returns a valid join of MGID with some fields changed. */
function request(
  port: RigPort,
  fields: Partial<McMemberRecord> = {},
  mask = GROUP_JOIN_MASK,
): MembershipRequest {
  const { record } = groupJoin(MGID, port.gid, joinBroadcast(port));
  return { record: { ...record, ...fields }, mask };
}
function assertRefused(
  rig: Rig,
  result: SaResult<McMemberRecord>,
  status: number,
  reason: string,
): void {
  assertEquals(result, { ok: false, status, errno: 22 });
  assertStringIncludes(rig.log.at(-1)!, reason);
}

Deno.test("the response to the broadcast join has the group's parameters", () => {
  const port = new Rig().join(1);
  assertEquals(joinBroadcast(port), {
    mgid: BROADCAST,
    portGid: port.gid,
    qkey: 0x0b1b,
    mlid: 0xc000,
    mtuSelector: Selector.Exactly,
    mtu: 4,
    tclass: 0,
    pkey: 0xffff,
    rateSelector: Selector.Exactly,
    rate: 3,
    lifetimeSelector: Selector.Exactly,
    lifetime: 18,
    sl: 0,
    flowLabel: 0,
    hopLimit: 0,
    scope: 2,
    joinState: 1,
    proxyJoin: false,
  });
});

Deno.test("a join adds the member to the forwarding tables of all ports", () => {
  const rig = new Rig();
  const [a, b] = [rig.join(1), rig.join(2)];
  joinBroadcast(a);
  assertEquals([a.mlids.get(0xc000), b.mlids.get(0xc000)], [[2], [2]]);
  joinBroadcast(b);
  assertEquals(a.mlids.get(0xc000), [2, 3]);
});

Deno.test("a full member creates a group; the group is deleted with its last full member", () => {
  const rig = new Rig();
  const [a, b] = [rig.join(1), rig.join(2)];
  const result = join(a, request(a));
  assert(result.ok);
  assertEquals(result.record.mlid, 0xc003);
  assertEquals(result.record.qkey, 0x0b1b);
  assert(join(b, request(b, { joinState: JoinState.NonMember })).ok);
  assertEquals(b.mlids.get(0xc003), [2, 3]);
  const left = leave(a, groupLeave(MGID, a.gid, 1));
  assert(left.ok && left.record.joinState === 0);
  assertEquals(b.mlids.has(0xc003), false);
  assertEquals(rig.snapshot.groups.length, 3);
});

Deno.test("send-only full members do not receive packets, but keep the group alive", () => {
  const rig = new Rig();
  const [a, b] = [rig.join(1), rig.join(2)];
  assert(
    join(a, request(a, { joinState: JoinState.SendOnlyFullMember })).ok,
  );
  assertEquals(b.mlids.get(0xc003), []);
  assert(join(b, request(b)).ok);
  assertEquals(b.mlids.get(0xc003), [3]);
  leave(b, groupLeave(MGID, b.gid, 1));
  assertEquals(b.mlids.get(0xc003), []);
  leave(a, groupLeave(MGID, a.gid, 8));
  assertEquals(b.mlids.has(0xc003), false);
});

Deno.test("joins add join states, leaves remove single join states", () => {
  const rig = new Rig();
  const port = rig.join(1);
  join(port, request(port, { joinState: 8 }));
  const both = join(port, request(port, { joinState: 1 }));
  assert(both.ok && both.record.joinState === 9);
  const less = leave(port, groupLeave(MGID, port.gid, 8));
  assert(less.ok && less.record.joinState === 1);
  assertEquals(port.mlids.get(0xc003), [2]);
});

Deno.test("a port that disconnects leaves its groups", () => {
  const rig = new Rig();
  const [a, b] = [rig.join(1), rig.join(2)];
  join(a, request(a));
  joinBroadcast(b);
  rig.leave(a);
  assertEquals([...b.mlids], [[0xc000, [3]], [0xc001, []], [0xc002, []]]);
});

Deno.test("a new group gets the requested MLID if it is free", () => {
  const rig = new Rig();
  const port = rig.join(1);
  const mask = GROUP_JOIN_MASK | McMask.Mlid;
  const result = join(port, request(port, { mlid: 0xd000 }, mask));
  assert(result.ok && result.record.mlid === 0xd000);
});

Deno.test("a join without a required component gets the status insufficient components", () => {
  const rig = new Rig();
  const port = rig.join(1);
  for (
    const [bit, name] of [
      [McMask.Mgid, "MGID"],
      [McMask.PortGid, "PortGID"],
      [McMask.JoinState, "JoinState"],
    ] as const
  ) {
    const result = join(port, request(port, {}, GROUP_JOIN_MASK & ~bit));
    assertRefused(rig, result, 0x0600, `the request has no ${name}`);
  }
});

Deno.test("a join with the component mask of the broadcast join cannot create a group", () => {
  const rig = new Rig();
  const port = rig.join(1);
  const mgid = broadcastMgid(0x8005);
  const result = join(port, broadcastJoin(mgid, port.gid, 0x8005));
  assertRefused(
    rig,
    result,
    MadStatus.InsufficientComponents,
    "its creation requires Q_Key, TClass, FlowLabel, SL",
  );
});

const NON_IPOIB = parseGid("ff12:a01c::1")!;
const REFUSED: [string, Partial<McMemberRecord>, number, string][] = [
  ["JoinState 0", { joinState: 0 }, 0x0200, "JoinState is 0"],
  [
    "JoinState non-member",
    { joinState: 2 },
    0x0200,
    "JoinState 2 cannot create it",
  ],
  [
    "JoinState send-only non-member",
    { joinState: 4 },
    0x0200,
    "JoinState 4 cannot create it",
  ],
  ["P_Key 0", { pkey: 0x8000 }, 0x0200, "P_Key 0x8000 is invalid"],
  [
    "a Q_Key different from the link's",
    { qkey: 1 },
    0x0200,
    "request has Q_Key 0x00000001, group has 0x00000b1b",
  ],
  [
    "a P_Key different from the MGID's",
    { pkey: 0x8001 },
    0x0200,
    "request has P_Key 0x8001, group has 0xffff",
  ],
  ["an SL different from the link's", { sl: 3 }, 0x0200, "SL 3"],
  ["a TClass different from the link's", { tclass: 9 }, 0x0200, "TClass 9"],
  [
    "a FlowLabel different from the link's",
    { flowLabel: 7 },
    0x0200,
    "FlowLabel 0x00007",
  ],
  [
    "a HopLimit different from the link's",
    { hopLimit: 1 },
    0x0200,
    "HopLimit 1",
  ],
  [
    "an IPoIB group without broadcast group",
    { mgid: parseGid("ff15:401b:ffff::1")! },
    0x0200,
    "its IPoIB broadcast group ff15:401b:ffff::ffff:ffff does not exist",
  ],
  [
    "a GID that is not a multicast GID",
    { mgid: parseGid("fe80::1")! },
    0x0200,
    "MGID does not begin with 0xff",
  ],
  [
    "reserved flags",
    { mgid: parseGid("ffe2:1111::1")! },
    0x0200,
    "reserved flags",
  ],
  [
    "the administrator's signature",
    { mgid: parseGid("ff12:a01b::1")! },
    0x0200,
    "the administrator's own signature",
  ],
  [
    "a partition of which the port is not a member",
    { mgid: NON_IPOIB, pkey: 0x8077 },
    0x0200,
    "is not in partition 0x8077",
  ],
  ["an undefined MTU", { mtu: 6 }, 0x0200, "MTU code 6 is not defined"],
  ["an undefined rate", { rate: 1 }, 0x0200, "rate code 1 is not defined"],
  [
    "an MTU larger than the port's",
    { mgid: NON_IPOIB, mtu: 5 },
    0x0200,
    "the group's MTU is 4096, the port's 2048",
  ],
  [
    "the selector for an MTU larger than the port's",
    { mtuSelector: Selector.GreaterThan, mtu: 4 },
    0x0200,
    "MTU more than 2048",
  ],
  [
    "an MTU less than the minimum",
    { mtuSelector: Selector.LessThan, mtu: 1 },
    0x0200,
    "no MTU is less than 256",
  ],
  [
    "a rate higher than the port's",
    { rate: 22 },
    0x0200,
    "the group's rate is 600 Gb/sec, the port's 100 Gb/sec",
  ],
  [
    "the selector for a rate higher than the port's",
    { rateSelector: Selector.GreaterThan, rate: 16 },
    0x0200,
    "rate more than 100 Gb/sec",
  ],
  [
    "a rate less than the minimum",
    { rateSelector: Selector.LessThan, rate: 2 },
    0x0200,
    "no rate is less than 2.5 Gb/sec",
  ],
  [
    "an unknown port",
    { portGid: parseGid("fe80::99")! },
    0x0200,
    "no active port has PortGID fe80::99",
  ],
  [
    "a port of another subnet",
    { portGid: parseGid("fe80::1:0:0:0:1")! },
    MadStatus.InvalidGid,
    "another subnet's prefix",
  ],
];

for (const [what, fields, status, reason] of REFUSED) {
  Deno.test(`creation is refused for ${what}`, () => {
    const rig = new Rig();
    const port = rig.join(1);
    const result = join(port, request(port, fields));
    assertRefused(rig, result, status, reason);
    assertEquals(rig.snapshot.groups.length, 3);
  });
}

Deno.test("the MTU and rate selectors determine MTU and rate of a new group", () => {
  const cases: [Partial<McMemberRecord>, number, number][] = [
    [{}, 4, 3],
    [{ mtuSelector: Selector.GreaterThan, mtu: 2 }, 4, 3],
    [{ mtuSelector: Selector.LessThan, mtu: 4 }, 3, 3],
    [{ mtuSelector: Selector.Best, mtu: 1 }, 4, 3],
    [{ rateSelector: Selector.GreaterThan, rate: 3 }, 4, 16],
    [{ rateSelector: Selector.LessThan, rate: 3 }, 4, 5],
    [{ rateSelector: Selector.LessThan, rate: 22 }, 4, 16],
    [{ rateSelector: Selector.Best }, 4, 16],
  ];
  for (const [fields, mtu, rate] of cases) {
    const port = new Rig().join(1);
    const result = join(port, request(port, fields));
    assert(result.ok);
    assertEquals([result.record.mtu, result.record.rate], [mtu, rate]);
    assertEquals(result.record.mtuSelector, Selector.Exactly);
  }
});

Deno.test("a join of an existing group is refused if a field of the request differs", () => {
  const rig = new Rig();
  const [a, b] = [rig.join(1), rig.join(2)];
  assert(join(a, request(a)).ok);
  const cases: [Partial<McMemberRecord>, string][] = [
    [{ qkey: 5 }, "Q_Key"],
    [{ pkey: 0x7ffe }, "P_Key"],
    [{ mtu: 5 }, "request has MTU exactly 4096, group has 2048"],
    [{ mtuSelector: Selector.LessThan }, "MTU less than 2048"],
    [{ rateSelector: Selector.GreaterThan }, "rate more than 10 Gb/sec"],
  ];
  for (const [fields, reason] of cases) {
    assertRefused(rig, join(b, request(b, fields)), 0x0200, reason);
  }
  assert(
    join(b, request(b, { mtuSelector: Selector.GreaterThan, mtu: 3 })).ok,
  );
});

Deno.test("a limited member joins the group of the full-member P_Key", () => {
  const rig = new Rig({
    partitions: defaultPartitions().map((partition) => ({
      ...partition,
      members: [{ port: "ALL", membership: "limited" }],
    })),
  });
  const port = rig.join(1);
  assertEquals(port.welcome.pkeys, [0x7fff, 0x0001, 0x0002]);
  assertEquals(joinBroadcast(port).pkey, 0xffff);
});

Deno.test("a group with an MTU larger than the subnet's cannot be joined", () => {
  const [partition] = defaultPartitions();
  const rig = new Rig({
    partitions: [{ ...partition!, ipoib: { ...partition!.ipoib!, mtu: 5 } }],
  });
  const port = rig.join(1);
  assertStringIncludes(rig.log[0]!, "no port can join group");
  const result = join(port, broadcastJoin(BROADCAST, port.gid, 0xffff));
  assertRefused(rig, result, 0x0200, "the group's MTU is 4096");
});

Deno.test("a port joins on behalf of another port and may then change that membership", () => {
  const rig = new Rig();
  const [a, b] = [rig.join(1), rig.join(2)];
  const result = join(a, request(a, { portGid: b.gid }));
  assert(result.ok);
  assertEquals(a.mlids.get(0xc003), [3]);
  assert(leave(a, groupLeave(MGID, b.gid, 1)).ok);
});

Deno.test("only the port itself may change a membership that it created", () => {
  const rig = new Rig();
  const [a, b] = [rig.join(1), rig.join(2)];
  assert(join(b, request(b)).ok);
  assertRefused(
    rig,
    join(a, request(a, { portGid: b.gid, joinState: 8 })),
    0x0200,
    "cannot change the membership",
  );
  assertRefused(
    rig,
    leave(a, groupLeave(MGID, b.gid, 1)),
    0x0200,
    "cannot change the membership",
  );
});

Deno.test("a leave of a group, membership or join state that does not exist is refused", () => {
  const rig = new Rig();
  const [a, b] = [rig.join(1), rig.join(2)];
  const refused = (port: RigPort, joinState: number, reason: string) =>
    assertRefused(
      rig,
      leave(port, groupLeave(MGID, port.gid, joinState)),
      0x0200,
      reason,
    );
  refused(a, 1, "the group does not exist");
  join(a, request(a));
  refused(b, 1, "is not a member");
  refused(a, 2, "JoinState 2 has no bit of the member's 1");
  refused(a, 3, "JoinState 3 has bits that the member's 1 does not have");
});

Deno.test("Get returns the group that matches, without its members", () => {
  const rig = new Rig();
  const port = rig.join(1);
  joinBroadcast(port);
  const get = (fields: Partial<McMemberRecord>, mask: bigint) =>
    port.ask<McMemberRecord>((now, cb) =>
      port.client.get(
        { record: { ...request(port).record, ...fields }, mask },
        now,
        cb,
      )
    )!;
  const found = get({ mgid: BROADCAST }, McMask.Mgid);
  assert(found.ok);
  assertEquals(found.record.mlid, 0xc000);
  assertEquals([found.record.joinState, found.record.portGid[0]], [0, 0]);
  assertRefused(rig, get({}, McMask.Mgid), 0x0300, "no record matches");
  assertRefused(rig, get({}, 0n), 0x0400, "3 records match");
  const mlid = get({ mlid: 1 }, McMask.Mlid);
  assertRefused(rig, mlid, 0x0300, "no record matches");
  const scope = get({ mgid: BROADCAST, scope: 5 }, McMask.Mgid | McMask.Scope);
  assertRefused(rig, scope, 0x0300, "no record matches");
  const member = get({ portGid: port.gid }, McMask.PortGid);
  assert(member.ok && member.record.mlid === 0xc000);
});
