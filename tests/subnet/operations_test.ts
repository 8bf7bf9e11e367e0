/** Operations on a running subnet: reload, port state, LID, P_Key table, reregister. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import { broadcastJoin } from "../../src/sa/requests.ts";
import { parsePartitionsConf } from "../../src/subnet/partitions_conf.ts";
import { IPOIB_DEFAULTS, type Partition } from "../../src/subnet/partitions.ts";
import { FIRST_LID } from "../../src/subnet/ports.ts";
import { formatGid, gidEquals } from "../../src/wire/gid.ts";
import { broadcastMgid } from "../../src/wire/mgid.ts";
import { INFORM_ANY, type InformInfo } from "../../src/wire/sa/inform_info.ts";
import type { McMemberRecord } from "../../src/wire/sa/mc_member_record.ts";
import { TrapNumber } from "../../src/wire/sa/notice.ts";
import type { PathRecord } from "../../src/wire/sa/path_record.ts";
import { informTrap, noticeGid } from "../wire/sa/subscriber.ts";
import { guidOf, Rig, type RigPort } from "./rig.ts";

const BROADCAST = broadcastMgid(0xffff);
const ALL_FULL = { port: "ALL", membership: "full" } as const;

const guid = (n: number) => BigInt(guidOf(n));

function join(port: RigPort, mgid = BROADCAST, pkey = 0xffff) {
  return port.ask<McMemberRecord>((now, cb) =>
    port.client.join(broadcastJoin(mgid, port.gid, pkey), now, cb)
  );
}

function path(from: RigPort, to: RigPort) {
  const request = { sgid: from.gid, dgid: to.gid, pkey: 0xffff, tclass: 0 };
  return from.ask<PathRecord>((now, cb) =>
    from.client.queryPath(request, now, cb)
  );
}

/** Calls an operation, delivers its messages, and returns the events of each port that received any, by connection. */
function operate(
  rig: Rig,
  operation: (now: number) => unknown,
): Record<number, unknown[]> {
  const before = new Map(
    [...rig.ports].map(([id, port]) => [id, port.events.length]),
  );
  operation(rig.clock.now());
  rig.pump();
  const received: Record<number, unknown[]> = {};
  for (const [id, port] of rig.ports) {
    const events = port.events.slice(before.get(id));
    if (events.length > 0) received[id] = events;
  }
  return received;
}

function partition(pkey: number, more: Partial<Partition> = {}): Partition {
  const name = `p${pkey}`;
  return { name, pkey, ipoib: IPOIB_DEFAULTS, members: [ALL_FULL], ...more };
}

Deno.test("reload() notifies only the ports whose P_Key table changes", () => {
  const rig = new Rig({ partitions: [partition(0x7fff), partition(1)] });
  const [a, b] = [rig.join(1), rig.join(2)];
  const only = [{ port: guid(1), membership: "full" }] as const;
  const next = [
    partition(0x7fff),
    partition(1),
    partition(2, {
      members: only,
    }),
  ];
  let changed = 0;
  const events = operate(rig, (now) => changed = rig.manager.reload(next, now));
  assertEquals(events, {
    [a.connection]: [{
      type: "event",
      event: "pkey_change",
      pkeys: [0xffff, 0x8001, 0x8002],
    }],
  });
  assertEquals(changed, 1);
  assertEquals(b.welcome.pkeys, [0xffff, 0x8001]);
  assertEquals(rig.snapshot.partitions.map(({ pkey }) => pkey), [
    ...[0x7fff, 1, 2],
  ]);
  const again = operate(rig, (now) => rig.manager.reload(next, now));
  assertEquals(again, {});
  assertEquals(rig.join(3).welcome.pkeys, [0xffff, 0x8001]);
});

Deno.test("reload() keeps the index of a P_Key, and does not reuse that of a removed P_Key", () => {
  const rig = new Rig({
    partitions: [partition(0x7fff), partition(1), partition(2)],
  });
  const port = rig.join(1);
  operate(
    rig,
    (now) => rig.manager.reload([partition(0x7fff), partition(2)], now),
  );
  assertEquals(port.events.at(-1)?.pkeys, [0xffff, 0, 0x8002]);
  assert(join(port, broadcastMgid(0x8002), 0x8002)?.ok);
  operate(
    rig,
    (now) =>
      rig.manager.reload([partition(0x7fff), partition(2), partition(3)], now),
  );
  assertEquals(port.events.at(-1)?.pkeys, [0xffff, 0, 0x8002, 0x8003]);
});

Deno.test("reload() creates groups, and deletes those of removed partitions when they have no member", () => {
  const rig = new Rig({
    partitions: [partition(0x7fff), partition(1), partition(2)],
  });
  const port = rig.join(1);
  const one = broadcastMgid(0x8001);
  assert(join(port, one, 0x8001)?.ok);
  rig.manager.reload([partition(0x7fff), partition(3)], rig.clock.now());
  rig.pump();
  const groups = () =>
    rig.snapshot.groups.map(({ mgid, permanent }) => [mgid, permanent]);
  assertEquals(groups(), [
    [formatGid(BROADCAST), true],
    // The group still has a member.
    [formatGid(one), false],
    [formatGid(broadcastMgid(3)), true],
  ]);
  assertEquals([...port.mlids.keys()], [0xc000, 0xc001, 0xc003]);
  rig.leave(port);
  assertEquals(groups().length, 2);
});

Deno.test("reload() replaces a group without members by one with the new parameters and the same MLID", () => {
  const conf = (mtu: number) =>
    parsePartitionsConf(`Default=0x7fff,ipoib,mtu=${mtu}:ALL=full;`).partitions;
  const rig = new Rig({ subnetMtu: 2048, partitions: conf(5) });
  const port = rig.join(1);
  // No port can join: the group's MTU is 4096, the subnet's 2048.
  assertEquals(join(port)?.ok, false);
  rig.manager.reload(conf(4), rig.clock.now());
  rig.pump();
  const answer = join(port);
  assert(answer?.ok);
  assertEquals([answer.record.mtu, answer.record.mlid], [4, 0xc000]);
  // A group with members keeps its parameters.
  rig.manager.reload(conf(3), rig.clock.now());
  assertEquals(rig.snapshot.groups.map(({ mtu }) => mtu), [2048]);
});

Deno.test("a malformed partitions.conf changes nothing", () => {
  const rig = new Rig();
  const port = rig.join(1);
  const before = rig.snapshot;
  const events = operate(rig, (now) =>
    assertThrows(
      () =>
        rig.manager.reload(
          parsePartitionsConf("Default=0x7fff, ipoib : ALL=full ;\nx=5 ALL;")
            .partitions,
          now,
        ),
      IpoibError,
      "partitions.conf:2:",
    ));
  assertEquals([events, rig.snapshot], [{}, before]);
  assertEquals(port.welcome.pkeys, [0xffff, 0x8001, 0x8002]);
});

Deno.test("setPortState() down removes the port from all tables, and all ports from its table", () => {
  const rig = new Rig();
  const [a, b] = [rig.join(1), rig.join(2)];
  assert(join(a)?.ok && join(b)?.ok);
  assertEquals(b.mlids.get(0xc000), [2, 3]);
  const events = operate(
    rig,
    (now) => rig.manager.setPortState(guid(1), "down", now),
  );
  assertEquals(events, {
    [a.connection]: [{ type: "event", event: "port_error" }],
  });
  assertEquals([...b.lids.keys()], [3]);
  assertEquals(b.mlids.get(0xc000), [3]);
  assertEquals([a.lids.size, a.mlids.size], [0, 0]);
  assertEquals(rig.snapshot.ports.map(({ lid, state }) => [lid, state]), [
    [2, "down"],
    [3, "active"],
  ]);
  assertEquals(path(b, a), { ok: false, status: 0x0300, errno: 22 });
  // The manager drops its MADs.
  assertEquals(path(a, b), undefined);
  assert(rig.log.at(-1)!.includes("the port is down"));
  assertEquals(
    operate(rig, (now) => rig.manager.setPortState(guid(1), "down", now)),
    {},
  );
});

Deno.test("setPortState() active restores the port's LID, but not its memberships", () => {
  const rig = new Rig();
  const [a, b] = [rig.join(1), rig.join(2)];
  assert(join(a)?.ok);
  rig.manager.setPortState(guid(1), "down", rig.clock.now());
  rig.pump();
  const c = rig.join(3);
  assertEquals([...a.lids.keys()], []);
  assertEquals(c.welcome.lid, 4);
  const events = operate(
    rig,
    (now) => rig.manager.setPortState(guid(1), "active", now),
  );
  assertEquals(events, {
    [a.connection]: [{
      type: "event",
      event: "port_active",
      lid: 2,
      smLid: 1,
      pkeys: [0xffff, 0x8001, 0x8002],
    }],
  });
  assertEquals([...a.lids.keys()].sort(), [2, 3, 4]);
  assertEquals([...b.lids.keys()].sort(), [2, 3, 4]);
  assertEquals(a.mlids.get(0xc000), []);
  assert(path(b, a)?.ok && path(a, b)?.ok);
  assert(join(a)?.ok);
  assertEquals(b.mlids.get(0xc000), [2]);
});

Deno.test("a port that goes down and up causes traps 65 and 64, and loses its subscriptions", () => {
  const rig = new Rig();
  const [a, b] = [rig.join(1), rig.join(2)];
  for (const port of [a, b]) {
    const info = informTrap(INFORM_ANY);
    assert(
      port.ask<InformInfo>((_now, cb) => port.queries.inform(info, cb))?.ok,
    );
  }
  const trapsSince = () =>
    b.notices.splice(0).map((notice) => {
      assert(gidEquals(noticeGid(notice), a.gid));
      return notice.trapNumber;
    });
  operate(rig, (now) => rig.manager.setPortState(guid(1), "down", now));
  assertEquals(trapsSince(), [TrapNumber.GidOutOfService]);
  operate(rig, (now) => rig.manager.setPortState(guid(1), "active", now));
  assertEquals(trapsSince(), [TrapNumber.GidInService]);
  // The port lost its own subscription when it went down.
  assertEquals(a.notices, []);
  rig.manager.setPortState(guid(1), "down", rig.clock.now());
  rig.pump();
  assertEquals(trapsSince(), [TrapNumber.GidOutOfService]);
  rig.leave(a);
  assertEquals(trapsSince(), []);
});

Deno.test("moveLid() changes the LID of a port in all tables and in its groups", () => {
  const rig = new Rig();
  const [a, b] = [rig.join(1), rig.join(2)];
  assert(join(a)?.ok);
  let lid = 0;
  const events = operate(
    rig,
    (now) => lid = rig.manager.moveLid(guid(1), undefined, now),
  );
  assertEquals(lid, 4);
  assertEquals(events, {
    [a.connection]: [{ type: "event", event: "lid_change", lid: 4 }],
  });
  for (const port of [a, b]) {
    assertEquals(port.lids.get(4), guidOf(1));
    assertEquals(port.lids.has(2), false);
    assertEquals(port.mlids.get(0xc000), [4]);
  }
  const found = path(b, a);
  assert(found?.ok);
  assertEquals(found.record.dlid, 4);
  // The next new port does not get the old LID.
  assertEquals(rig.join(3).welcome.lid, 5);
  assertEquals(rig.manager.moveLid(guid(1), 2, rig.clock.now()), 2);
  assertEquals(rig.manager.moveLid(guid(1), 2, rig.clock.now()), 2);
});

Deno.test("moveLid() throws for LIDs in use and outside the range of port LIDs", () => {
  const rig = new Rig();
  rig.join(1);
  rig.join(2);
  for (const lid of [0, 1, 3, 0xc000]) {
    const error = assertThrows(
      () => rig.manager.moveLid(guid(1), lid, rig.clock.now()),
      IpoibError,
    );
    assertEquals([error.code, error.errno], ["E_SUBNET_LID", 98]);
  }
  assertEquals(rig.snapshot.ports[0]!.lid, FIRST_LID);
});

Deno.test("moveLid() of a port that is down takes effect in the tables when the port is active again", () => {
  const rig = new Rig();
  const [a, b] = [rig.join(1), rig.join(2)];
  rig.manager.setPortState(guid(1), "down", rig.clock.now());
  rig.manager.moveLid(guid(1), 9, rig.clock.now());
  rig.pump();
  assertEquals([...b.lids.keys()], [3]);
  rig.manager.setPortState(guid(1), "active", rig.clock.now());
  rig.pump();
  assertEquals([...b.lids.keys()].sort(), [3, 9]);
  assertEquals(a.events.map(({ event, lid }) => [event, lid]), [
    ["port_error", undefined],
    ["lid_change", 9],
    ["port_active", 9],
  ]);
});

Deno.test("setPkeys() sets a table that reload() does not change, until setPkeys() without a table", () => {
  const rig = new Rig();
  const port = rig.join(1);
  const tables = (operation: (now: number) => unknown) => {
    const events = operate(rig, operation)[port.connection] ?? [];
    return events.map((event) => (event as { pkeys: number[] }).pkeys);
  };
  const own = [0xffff, 0x0044];
  assertEquals(
    tables((now) => rig.manager.setPkeys(guid(1), own, now)),
    [own],
  );
  assertEquals(tables((now) => rig.manager.setPkeys(guid(1), own, now)), []);
  assertEquals(
    join(port, broadcastMgid(0x8001), 0x8001),
    { ok: false, status: 0x0200, errno: 22 },
  );
  assertEquals(
    tables((now) => rig.manager.reload([partition(0x7fff)], now)),
    [],
  );
  assertEquals(
    tables((now) => rig.manager.setPkeys(guid(1), undefined, now)),
    [[0xffff]],
  );
});

Deno.test("setPkeys() without the default partition cuts the port off from the administrator", () => {
  const rig = new Rig();
  const port = rig.join(1);
  operate(rig, (now) => rig.manager.setPkeys(guid(1), [0x8001], now));
  assertEquals(join(port), undefined);
  assert(rig.log.at(-1)!.includes("default partition"));
});

Deno.test("setPkeys() throws for invalid P_Key tables", () => {
  const rig = new Rig();
  rig.join(1);
  for (
    const table of [
      [],
      [0],
      [0x8000],
      [0xffff, 0xffff],
      [0x1ffff],
      Array.from({ length: 65 }, (_, i) => i + 1),
    ]
  ) {
    const error = assertThrows(
      () => rig.manager.setPkeys(guid(1), table, rig.clock.now()),
      IpoibError,
    );
    assertEquals([error.code, error.errno], ["E_SUBNET_PKEY", 22]);
  }
});

Deno.test("reregister() notifies one port, or all active ports", () => {
  const rig = new Rig();
  const [a, b, c] = [rig.join(1), rig.join(2), rig.join(3)];
  const event = [{ type: "event", event: "client_reregister" }];
  assertEquals(operate(rig, () => rig.manager.reregister(guid(2))), {
    [b.connection]: event,
  });
  rig.manager.setPortState(guid(3), "down", rig.clock.now());
  rig.pump();
  assertEquals(operate(rig, () => rig.manager.reregister("all")), {
    [a.connection]: event,
    [b.connection]: event,
  });
  assertEquals(c.events.length, 1);
});

Deno.test("operations on an unknown GUID throw E_SUBNET_PORT", () => {
  const rig = new Rig();
  rig.join(1);
  const now = rig.clock.now();
  for (
    const operation of [
      () => rig.manager.setPortState(9n, "down", now),
      () => rig.manager.moveLid(9n, undefined, now),
      () => rig.manager.setPkeys(9n, [0xffff], now),
      () => rig.manager.reregister(9n),
    ]
  ) {
    const error = assertThrows(operation, IpoibError, "0x0000000000000009");
    assertEquals([error.code, error.errno], ["E_SUBNET_PORT", 19]);
  }
});
