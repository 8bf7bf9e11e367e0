/** Repeated queries for paths in use. */

import { PortMemberships } from "../../src/sa/port_memberships.ts";
import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../src/base/errno.ts";
import { IpoibError } from "../../src/base/errors.ts";
import { getLogger } from "../../src/base/log.ts";
import { pathRecords } from "../../src/daemon/records/path_record.ts";
import type { AddressHandle } from "../../src/hca/address_handle.ts";
import type { FakeFabric, FakePort } from "../../src/hca/fake.ts";
import type { FakeAddressHandle } from "../../src/hca/fake_address_handle.ts";
import { LinkIdentity } from "../../src/ipoib/link_identity.ts";
import { MulticastTable } from "../../src/ipoib/multicast/multicast_table.ts";
import { type Path, PathTable } from "../../src/ipoib/path.ts";
import { Statistics } from "../../src/ipoib/statistics.ts";
import { debugOff } from "./debug_off.ts";
import { defaultLimits } from "./default_limits.ts";
import { PacketSender } from "../../src/ipoib/packet_sender.ts";
import type { FakeReactor } from "../../src/system/fake_reactor.ts";
import { gidFrom } from "../../src/wire/gid.ts";
import { PathRecord } from "../../src/wire/sa/path_record.ts";
import { Rig } from "./rig.ts";
import { NO_EVENTS } from "./no_events.ts";

const PREFIX = 0xfe80_0000_0000_0000n;
const GID = gidFrom(PREFIX, 2n);
const LID = 0x14;

/** Returns the DLID of an address handle of the fake fabric. */
function lidOf(ah: AddressHandle | undefined): number | undefined {
  return (ah as FakeAddressHandle | undefined)?.attributes.dlid;
}

/** A path table with a scripted administrator. */
class ScriptedPaths {
  /** Times of the queries. */
  readonly times: number[] = [];
  /** The immediate response to a query: a LID, an errno, or none. */
  answer: { dlid: number } | { errno: number } | undefined = { dlid: LID };
  readonly fabric: FakeFabric;
  readonly port: FakePort;
  readonly reactor: FakeReactor;
  readonly table: PathTable;

  constructor() {
    const rig = new Rig(false);
    const { port, sa } = rig.host();
    const { fabric, reactor } = rig;
    this.fabric = fabric;
    this.port = port;
    this.reactor = reactor;
    sa.queryPath = ({ dgid }, now, done) => {
      this.times.push(now);
      const { answer } = this;
      if (!answer) return { cancel: () => {} };
      if ("errno" in answer) done({ ok: false, status: 0, ...answer }, now);
      else done({ ok: true, record: PathRecord.of({ dgid, ...answer }) }, now);
      return { cancel: () => {} };
    };
    const context = { reactor, port, sa, memberships: new PortMemberships(sa) };
    const identity = new LinkIdentity(port);
    const statistics = new Statistics();
    const sender = new PacketSender(port.send, statistics, debugOff());
    const log = getLogger("ib0");
    const groups = new MulticastTable({
      ...{ context, sender, identity, log },
      debug: debugOff(),
      events: NO_EVENTS,
    });
    this.table = new PathTable(
      context,
      identity,
      groups,
      statistics,
      debugOff(),
      NO_EVENTS,
      defaultLimits(reactor.clock),
    );
  }

  /** Time of the next timer. */
  get tickAt(): number {
    return this.reactor.deadline;
  }

  request(now: number, gid = GID): Path | undefined {
    let path: Path | undefined;
    this.table.request(gid, now, (found) => path = found);
    return path;
  }

  /** Runs all ticks up to `until`; returns the times of all queries since the last call. */
  run(until: number): number[] {
    while (this.tickAt <= until) this.table.renewals.tick(this.tickAt);
    return this.times.splice(0);
  }
}

Deno.test("PathTable.checkSourceLid() queries again only for another LID in the same subnet", () => {
  const router = gidFrom(0xfe80_0000_0000_0001n, 2n);
  const cases = [
    { name: "the same LID", lid: LID, queries: 0 },
    { name: "another LID", lid: LID + 1, queries: 1 },
    { name: "no LID", lid: 0, queries: 0 },
    { name: "another LID of the port", lid: LID + 3, lmc: 2, queries: 0 },
    { name: "another port's LID", lid: LID + 4, lmc: 2, queries: 1 },
    { name: "a router's LID", lid: LID + 1, gid: router, queries: 0 },
    { name: "an unknown GID", lid: 9, from: gidFrom(PREFIX, 3n), queries: 0 },
  ];
  for (const { name, lid, queries, lmc = 0, gid = GID, from = gid } of cases) {
    const scripted = new ScriptedPaths();
    scripted.port.set({ lmc });
    const path = scripted.request(0, gid)!;
    assertEquals(scripted.run(0), [0]);
    scripted.answer = { dlid: lid };
    scripted.table.checkSourceLid(from, lid, 5000);
    assertEquals(scripted.times.length, queries, name);
    assertEquals(path.record!.dlid, queries ? lid : LID, name);
    assertEquals([path.state, path.observedLid, path.retries], [
      "complete",
      0,
      0,
    ]);
    assertEquals(scripted.tickAt, Infinity, name);
  }
});

Deno.test("a path stays in use during a query, and no second query is sent meanwhile", () => {
  const scripted = new ScriptedPaths();
  const path = scripted.request(0)!;
  const { ah } = path;
  const changes: (number | undefined)[] = [];
  scripted.table.onChange = (each) => changes.push(lidOf(each.ah));
  scripted.answer = undefined;
  scripted.table.checkSourceLid(GID, 0x40, 2000);
  assertEquals([path.state, path.ah, changes], ["asking", ah, []]);
  // A new request waits, because the old path is wrong.
  assertEquals(scripted.request(2001), undefined);
  assertEquals(path.waiters.length, 1);
  scripted.answer = { dlid: 0x40 };
  scripted.table.doubtAll(2002);
  assertEquals([lidOf(path.ah), changes], [LID, []], "one query at a time");
  assertEquals(scripted.fabric.misuse, []);
});

Deno.test("a doubtful path is queried at most once per second", () => {
  const scripted = new ScriptedPaths();
  const path = scripted.request(0)!;
  scripted.table.doubt(path, 10);
  assertEquals(scripted.run(10), [0, 10], "the first query at once");
  scripted.answer = { dlid: 0x40 };
  for (const now of [300, 400, 900]) {
    scripted.table.checkSourceLid(GID, 0x40, now);
  }
  assertEquals([scripted.times, scripted.tickAt], [[], 1010]);
  assertEquals(scripted.run(60_000), [1010]);
  assertEquals(scripted.request(60_000)!.record!.dlid, 0x40);
});

Deno.test("a query that fails or returns the old LID is repeated after 2, 4, 8, 16 s, and then no more", () => {
  for (const answer of [{ dlid: LID }, { errno: 22 }]) {
    const scripted = new ScriptedPaths();
    const path = scripted.request(0)!;
    scripted.run(0);
    scripted.answer = answer;
    scripted.table.checkSourceLid(GID, 0x40, 5000);
    assertEquals(
      scripted.run(1_000_000),
      [5000, 7000, 11_000, 19_000, 35_000],
      JSON.stringify(answer),
    );
    assertEquals([lidOf(path.ah), path.retries], [LID, 4]);
    // Further packets from the new LID cause a query at most every 16 s.
    for (let now = 40_000; now < 100_000; now += 1000) {
      scripted.table.checkSourceLid(GID, 0x40, now);
      if (scripted.tickAt <= now) scripted.table.renewals.tick(now);
    }
    const times = scripted.times.splice(0);
    assertEquals(times.length, 4);
    scripted.answer = { dlid: 0x40 };
    scripted.table.checkSourceLid(GID, 0x40, 200_000);
    assertEquals([lidOf(path.ah), path.retries, path.state], [
      0x40,
      0,
      "complete",
    ]);
  }
});

Deno.test("a flushed path is not queried again", () => {
  const scripted = new ScriptedPaths();
  const path = scripted.request(0)!;
  scripted.answer = { errno: 110 };
  scripted.table.doubt(path, 5000);
  assertEquals(scripted.tickAt, 7000);
  scripted.table.flush();
  assertEquals([scripted.tickAt, scripted.table.entries()], [Infinity, []]);
  scripted.run(0);
  scripted.table.checkSourceLid(GID, 0x40, 8000);
  assertEquals(scripted.times, []);
});

Deno.test("a path whose query the device refuses to send says so, until a query is answered", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  a.port.madErrno = Errno.EINVAL;
  const { gid } = rig.host({ address: "10.0.0.3" }).port.attributes;
  a.link.paths.request(gid, rig.reactor.clock.now(), () => {});
  rig.advance(1100);
  const error = () => pathRecords(a.link, 0)[0]!.error;
  assertEquals(
    error(),
    "status -22: the device refuses MADs: Invalid argument",
  );
  a.port.madErrno = 0;
  a.link.paths.request(gid, rig.reactor.clock.now(), () => {});
  rig.settle();
  assertEquals(error(), undefined);
  rig.check();
});

Deno.test("a path whose address handle cannot be created fails, and the next request repeats the query", () => {
  const scripted = new ScriptedPaths();
  const create = scripted.port.createAddressHandle;
  scripted.port.createAddressHandle = () => {
    throw new IpoibError("E_VERBS", "No memory", { errno: 12 });
  };
  assertEquals(scripted.request(0), undefined);
  const [path] = scripted.table.entries();
  assertEquals([path!.state, path!.failure], ["idle", 12]);
  scripted.port.createAddressHandle = create;
  assert(scripted.request(1)!.ah);
  assertEquals(path!.failure, undefined);
});
