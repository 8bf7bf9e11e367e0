/** When a path that is there is asked for again. */

import { Memberships } from "../../src/sa/memberships.ts";
import { assert, assertEquals } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import { getLogger } from "../../src/base/log.ts";
import type { FakeFabric, FakePort } from "../../src/hca/fake.ts";
import type { FakeAddressHandle } from "../../src/hca/fake_address_handle.ts";
import type { AddressHandle } from "../../src/hca/hca.ts";
import { LinkIdentity } from "../../src/ipoib/link_identity.ts";
import { MulticastTable } from "../../src/ipoib/multicast/multicast_table.ts";
import { type Path, PathTable } from "../../src/ipoib/path.ts";
import { Statistics } from "../../src/ipoib/statistics.ts";
import { UdSender } from "../../src/ipoib/ud_sender.ts";
import type { FakeReactor } from "../../src/system/fake_reactor.ts";
import { gidFrom } from "../../src/wire/gid.ts";
import { PathRecord } from "../../src/wire/sa/path_record.ts";
import { Rig } from "./rig.ts";

const PREFIX = 0xfe80_0000_0000_0000n;
const GID = gidFrom(PREFIX, 2n);
const LID = 0x14;

/** Where a handle of the fake fabric leads. */
function lidOf(ah: AddressHandle | undefined): number | undefined {
  return (ah as FakeAddressHandle | undefined)?.attributes.dlid;
}

/** A table whose administrator answers when the test says so. */
class Asked {
  readonly times: number[] = [];
  /** The answer that is given at once: a LID, an errno, or none. */
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
    const context = { reactor, port, sa, memberships: new Memberships(sa) };
    const identity = new LinkIdentity(port);
    const statistics = new Statistics();
    const sender = new UdSender(port.send, statistics);
    const log = getLogger("ib0");
    const groups = new MulticastTable({ context, sender, identity, log });
    this.table = new PathTable(context, identity, groups, statistics);
  }

  /** When the table wants to be called again. */
  get tickAt(): number {
    return this.reactor.deadline;
  }

  request(now: number, gid = GID): Path | undefined {
    let path: Path | undefined;
    this.table.request(gid, now, (found) => path = found);
    return path;
  }

  /** Does what is due up to a time; returns when was asked meanwhile. */
  run(until: number): number[] {
    while (this.tickAt <= until) this.table.tick(this.tickAt);
    return this.times.splice(0);
  }
}

Deno.test("PathTable.heard() asks again only if the path leads to another LID of the subnet", () => {
  const router = gidFrom(0xfe80_0000_0000_0001n, 2n);
  const cases = [
    { name: "the same LID", lid: LID, asks: 0 },
    { name: "another LID", lid: LID + 1, asks: 1 },
    { name: "no LID", lid: 0, asks: 0 },
    { name: "another LID of the port", lid: LID + 3, lmc: 2, asks: 0 },
    { name: "another port's LID", lid: LID + 4, lmc: 2, asks: 1 },
    { name: "a router's LID", lid: LID + 1, gid: router, asks: 0 },
    { name: "an unknown GID", lid: 9, heard: gidFrom(PREFIX, 3n), asks: 0 },
  ];
  for (const { name, lid, asks, lmc = 0, gid = GID, heard = gid } of cases) {
    const asked = new Asked();
    asked.port.set({ lmc });
    const path = asked.request(0, gid)!;
    assertEquals(asked.run(0), [0]);
    asked.answer = { dlid: lid };
    asked.table.heard(heard, lid, 5000);
    assertEquals(asked.times.length, asks, name);
    assertEquals(path.record!.dlid, asks ? lid : LID, name);
    assertEquals([path.state, path.strayLid, path.retries], ["complete", 0, 0]);
    assertEquals(asked.tickAt, Infinity, name);
  }
});

Deno.test("a path is used while it is asked for again, and its handle is replaced by the answer's", () => {
  const asked = new Asked();
  const path = asked.request(0)!;
  const { ah } = path;
  const changes: (number | undefined)[] = [];
  asked.table.onChange = (each) => changes.push(lidOf(each.ah));
  asked.answer = undefined;
  asked.table.heard(GID, 0x40, 2000);
  assertEquals([path.state, path.ah, changes], ["asking", ah, []]);
  // Who asks for it now is not sent astray.
  assertEquals(asked.request(2001), undefined);
  assertEquals(path.waiters.length, 1);
  asked.answer = { dlid: 0x40 };
  asked.table.doubtAll(2002);
  assertEquals([lidOf(path.ah), changes], [LID, []], "one question at a time");
  assertEquals(asked.fabric.misuse, []);
});

Deno.test("a path is not doubted more than once a second", () => {
  const asked = new Asked();
  const path = asked.request(0)!;
  asked.table.doubt(path, 10);
  assertEquals(asked.run(10), [0, 10], "the first time at once");
  asked.answer = { dlid: 0x40 };
  for (const now of [300, 400, 900]) asked.table.heard(GID, 0x40, now);
  assertEquals([asked.times, asked.tickAt], [[], 1010]);
  assertEquals(asked.run(60_000), [1010]);
  assertEquals(asked.request(60_000)!.record!.dlid, 0x40);
});

Deno.test("an answer that is no better is asked for again after 2, 4, 8, 16 s, and then let be", () => {
  for (const answer of [{ dlid: LID }, { errno: 22 }]) {
    const asked = new Asked();
    const path = asked.request(0)!;
    asked.run(0);
    asked.answer = answer;
    asked.table.heard(GID, 0x40, 5000);
    assertEquals(
      asked.run(1_000_000),
      [5000, 7000, 11_000, 19_000, 35_000],
      JSON.stringify(answer),
    );
    assertEquals([lidOf(path.ah), path.retries], [LID, 4]);
    // It is still heard from there: asked, but never more often than every 16 s.
    for (let now = 40_000; now < 100_000; now += 1000) {
      asked.table.heard(GID, 0x40, now);
      if (asked.tickAt <= now) asked.table.tick(now);
    }
    const times = asked.times.splice(0);
    assertEquals(times.length, 4);
    asked.answer = { dlid: 0x40 };
    asked.table.heard(GID, 0x40, 200_000);
    assertEquals([lidOf(path.ah), path.retries, path.state], [
      0x40,
      0,
      "complete",
    ]);
  }
});

Deno.test("a flushed path is not asked for again", () => {
  const asked = new Asked();
  const path = asked.request(0)!;
  asked.answer = { errno: 110 };
  asked.table.doubt(path, 5000);
  assertEquals(asked.tickAt, 7000);
  asked.table.flush();
  assertEquals([asked.tickAt, asked.table.entries()], [Infinity, []]);
  asked.run(0);
  asked.table.heard(GID, 0x40, 8000);
  assertEquals(asked.times, []);
});

Deno.test("a path that the device has no handle for is a failure, and the next request asks again", () => {
  const asked = new Asked();
  const create = asked.port.createAddressHandle;
  asked.port.createAddressHandle = () => {
    throw new IpoibError("E_VERBS", "No memory", { errno: 12 });
  };
  assertEquals(asked.request(0), undefined);
  const [path] = asked.table.entries();
  assertEquals([path!.state, path!.failure], ["idle", 12]);
  asked.port.createAddressHandle = create;
  assert(asked.request(1)!.ah);
  assertEquals(path!.failure, undefined);
});
