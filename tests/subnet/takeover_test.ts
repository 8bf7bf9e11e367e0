import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { broadcastJoin, groupJoin } from "../../src/sa/requests.ts";
import { MAX_GROUPS_PER_PORT } from "../../src/subnet/constants.ts";
import { MAX_MEMBERSHIPS, type Membership } from "../../src/subnet/messages.ts";
import { RESERVATION_MS } from "../../src/subnet/ports.ts";
import { gidKey } from "../../src/wire/gid.ts";
import { broadcastMgid, ipv4Mgid } from "../../src/wire/mgid.ts";
import type { McMemberRecord } from "../../src/wire/sa/mc_member_record.ts";
import { guidOf, Rig, type RigPort } from "./rig.ts";

const BROADCAST = broadcastMgid(0xffff);

function join(port: RigPort, group?: number, broadcast?: McMemberRecord) {
  const request = group === undefined
    ? broadcastJoin(BROADCAST, port.gid, 0xffff)
    : groupJoin(ipv4Mgid(group | 0, BROADCAST), port.gid, broadcast!);
  const result = port.ask<McMemberRecord>((now, cb) =>
    port.client.join(request, now, cb)
  );
  assert(result?.ok);
  return result.record;
}
function membership(record: McMemberRecord): Membership {
  const { mlid, joinState, pkey, qkey, mtu, rate } = record;
  const { sl, flowLabel, hopLimit, tclass } = record;
  const mgid = gidKey(record.mgid);
  return {
    ...{ mgid, mlid, joinState, pkey, qkey, mtu, rate },
    ...{ sl, flowLabel, hopLimit, tclass },
  };
}

/** Returns a subnet with two ports in the broadcast group and one in a second group; a third group has been deleted. */
function busySubnet() {
  const rig = new Rig({ subnetMtu: 4096 });
  const [a, b] = [rig.join(1), rig.join(2)];
  const [one, two] = [join(a), join(b)];
  join(b, 0xef000001, two);
  const kept = join(a, 0xef000002, one);
  rig.manager.disconnect(b.connection, rig.clock.now());
  const c = rig.join(2);
  const memberships = {
    a: [membership(one), membership(kept)],
    c: [membership(join(c))],
  };
  assertEquals([a.welcome.lid, c.welcome.lid, kept.mlid], [2, 3, 0xc004]);
  return { rig, a, c, memberships };
}

/** Replaces the manager by a new one with the last state of a port. */
function takeOver(rig: Rig, by: RigPort): void {
  const previous = by.lastKnown();
  rig.ports.clear();
  rig.manager = rig.makeManager({ previous, subnetMtu: 4096 });
}

Deno.test("under a new manager, ports keep their LIDs and groups their MLIDs", () => {
  const { rig, a, c, memberships } = busySubnet();
  const before = [...c.mlids].filter(([, lids]) => lids.length > 0);
  takeOver(rig, a);
  const c2 = rig.join(2, { lid: 3 }, memberships.c);
  const a2 = rig.join(1, { lid: 2 }, memberships.a);
  assertEquals([a2.welcome.lid, c2.welcome.lid], [2, 3]);
  assertEquals([a2.welcome.mtuCode, c2.welcome.mtuCode], [5, 5]);
  assertEquals([...a2.mlids].filter(([, lids]) => lids.length > 0), before);
  assertEquals(a2.events, [{ type: "event", event: "client_reregister" }]);
  assertEquals(c2.events, a2.events);
  const again = join(a2, 0xef000002, join(a2));
  assertEquals([again.mlid, again.joinState], [0xc004, 1]);
});

Deno.test("a new port gets neither the LID nor the GUID of a port of the previous manager", () => {
  const { rig, a } = busySubnet();
  takeOver(rig, a);
  const newcomer = rig.join(1);
  assertEquals(newcomer.welcome.lid, 4);
  assertEquals(newcomer.welcome.guid, guidOf(3));
  assertEquals(newcomer.events, []);
  assertEquals(rig.join(1, { lid: 2 }).welcome.guid, guidOf(1));
});

Deno.test("the GUID of a port whose process is dead is not reserved", () => {
  const { rig, a } = busySubnet();
  const previous = a.lastKnown();
  rig.ports.clear();
  const dead = BigInt(guidOf(2));
  rig.manager = rig.makeManager({ previous, lives: (guid) => guid !== dead });
  assertEquals(rig.join(2, { guidFixed: true }).welcome.guid, guidOf(2));
  const refused = rig.join(1, { guidFixed: true });
  assertEquals(refused.refusal?.code, "E_SUBNET_GUID");
});

Deno.test("a new group does not get the MLID of a group of the previous manager", () => {
  const { rig, a } = busySubnet();
  takeOver(rig, a);
  const newcomer = rig.join(7);
  const group = join(newcomer, 0xef000009, join(newcomer));
  assertEquals(group.mlid, 0xc003);
  const known = join(newcomer, 0xef000002, group);
  assertEquals(known.mlid, 0xc004);
});

Deno.test("the reservations of LIDs and GUIDs expire after RESERVATION_MS", () => {
  const { rig, a } = busySubnet();
  takeOver(rig, a);
  rig.advance(RESERVATION_MS);
  const newcomer = rig.join(1);
  assertEquals([newcomer.welcome.guid, newcomer.welcome.lid], [guidOf(1), 2]);
});

Deno.test("a port that gets another LID receives lid_change before client_reregister", () => {
  const rig = new Rig();
  rig.join(1);
  const port = rig.join(2, { lid: 2 });
  assertEquals(port.welcome.lid, 3);
  assertEquals(port.events, [
    { type: "event", event: "lid_change", lid: 3 },
    { type: "event", event: "client_reregister" },
  ]);
});

Deno.test("a manager without previous state restores LIDs and memberships of the ports", () => {
  const { memberships } = busySubnet();
  const rig = new Rig({ subnetMtu: 4096 });
  const mlids = (port: RigPort) =>
    [...port.mlids].filter(([, lids]) => lids.length > 0);
  const moved = { ...memberships.a[0]!, mlid: 0xc777 };
  const port = rig.join(1, { lid: 9 }, [moved, memberships.a[1]!]);
  assertEquals(port.welcome.lid, 9);
  assertEquals(mlids(port), [[0xc777, [9]], [0xc004, [9]]]);
  assertEquals(port.mlids.has(0xc000), false);
});

Deno.test("invalid memberships are not restored, and the reason is logged", () => {
  const { memberships } = busySubnet();
  const rig = new Rig();
  const [broadcast, group] = memberships.a as [Membership, Membership];
  const port = rig.join(1, { lid: 2 }, [
    { ...group, pkey: 0x8044 },
    { ...group, mtu: 5 },
    { ...group, mtu: 4, rate: 1 },
    { ...broadcast, pkey: 0x8001 },
  ]);
  assertEquals(port.welcome.lid, 2);
  assertEquals([...port.mlids.values()], [[], [], []]);
  const reasons = [
    "not in partition 0x8044",
    "MTU code 5",
    "rate code 1",
    "the group has P_Key 0xffff",
  ];
  const lines = rig.log.filter((line) => line.includes("Membership of"));
  assertEquals(lines.length, reasons.length);
  reasons.forEach((reason, i) => assertStringIncludes(lines[i]!, reason));
});

Deno.test("memberships are restored only before RESERVATION_MS, and only of ports of the previous manager", () => {
  const { rig, a, memberships } = busySubnet();
  const own = (port: RigPort) => {
    const { lid } = port.welcome;
    return [...port.mlids].filter(([, lids]) => lids.includes(lid)).length;
  };
  takeOver(rig, a);
  const unknown = rig.join(5, {}, memberships.a);
  assertEquals(own(unknown), 0);
  rig.advance(RESERVATION_MS);
  assertEquals(own(rig.join(1, { lid: 2 }, memberships.a)), 0);
});

Deno.test("memberships in several messages are restored, up to the maximum of a port", () => {
  const { memberships } = busySubnet();
  const group = memberships.a[1]!;
  const many = Array.from({ length: MAX_GROUPS_PER_PORT + 9 }, (_, n) => ({
    ...group,
    mlid: 0xc100 + n,
    mgid: gidKey(ipv4Mgid(0xef010000 + n | 0, BROADCAST)),
  }));
  const rig = new Rig({ subnetMtu: 4096 });
  const port = rig.join(1, { lid: 2 });
  for (let i = 0; i < many.length; i += MAX_MEMBERSHIPS) {
    rig.bring(port, many.slice(i, i + MAX_MEMBERSHIPS));
  }
  const joined = rig.snapshot.groups.filter(({ members }) => members.length);
  assertEquals(joined.length, MAX_GROUPS_PER_PORT);
  assertStringIncludes(rig.log.at(-1)!, `${MAX_GROUPS_PER_PORT} groups`);
  const refused = port.ask<McMemberRecord>((now, done) =>
    port.client.join(broadcastJoin(BROADCAST, port.gid, 0xffff), now, done)
  );
  assertEquals(refused?.ok, false);
});
