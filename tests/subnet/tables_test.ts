import { assert, assertEquals } from "@std/assert";
import {
  type GroupParameters,
  type SubnetGroup,
  SubnetGroups,
} from "../../src/subnet/groups.ts";
import { FIRST_MLID, LAST_MLID } from "../../src/wire/lrh.ts";
import { FIRST_LID, LAST_LID, PortTable } from "../../src/subnet/ports.ts";

const ports = () => new PortTable(0xfe80000000000000n);
const request = (n: number) => ({
  connection: n,
  guid: BigInt(n),
  name: `ib${n}`,
  pid: n,
  pkeys: [0xffff],
  secret: "",
});

Deno.test("PortTable assigns every LID once before it reuses a freed LID", () => {
  const table = ports();
  table.add(request(1), 0);
  table.remove(1);
  for (let lid = FIRST_LID + 1; lid <= LAST_LID; lid++) {
    assertEquals(table.add(request(lid), 0)?.lid, lid);
  }
  table.remove(FIRST_LID + 5);
  assertEquals(table.add(request(60001), 0)?.lid, FIRST_LID);
  assertEquals(table.add(request(60002), 0)?.lid, FIRST_LID + 5);
  assertEquals(table.add(request(60000), 0), undefined);
});

Deno.test("PortTable assigns the previous LID to a GUID that registers again", () => {
  const table = ports();
  for (const n of [1, 2, 3]) table.add(request(n), 0);
  const before = table.byGuid(2n)!.lid;
  table.remove(2);
  assertEquals(table.add(request(4), 0)?.lid, FIRST_LID + 3);
  assertEquals(table.add({ ...request(5), guid: 2n }, 0)?.lid, before);
  // For a port that was moved, that is its last LID.
  const port = table.byGuid(2n)!;
  table.move(port, 77, 0);
  table.remove(5);
  assertEquals(table.add({ ...request(6), guid: 2n }, 0)?.lid, 77);
});

Deno.test("PortTable assigns the previous LID to a GUID that registers after its reservation has expired", () => {
  const table = ports();
  table.reserve([{ lid: 9, guid: 9n }], 100);
  assertEquals(table.add(request(1), 200)?.lid, FIRST_LID);
  assertEquals(table.add(request(9), 300)?.lid, 9);
});

Deno.test("PortTable finds a port by connection, LID and GUID until it is removed", () => {
  const table = ports();
  const port = table.add({ ...request(7), lid: 100 }, 0)!;
  assertEquals(port.lid, 100);
  const all = () => [table.byConnection(7), table.byLid(100), table.byGuid(7n)];
  assertEquals(all(), [port, port, port]);
  assertEquals([...table], [port]);
  assertEquals(table.remove(7), port);
  assertEquals(all(), [undefined, undefined, undefined]);
  assertEquals([table.size, table.remove(7)], [0, undefined]);
});

Deno.test("PortTable ignores a requested LID outside the range of port LIDs", () => {
  for (const lid of [0, 1, 0xc000]) {
    assertEquals(ports().add({ ...request(1), lid }, 0)?.lid, FIRST_LID);
  }
});

const parameters = (n: number): GroupParameters => {
  const mgid = new Uint8Array(16);
  mgid[0] = 0xff;
  new DataView(mgid.buffer).setUint32(12, n);
  return {
    mgid,
    pkey: 0xffff,
    qkey: 1,
    mtu: 4,
    rate: 3,
    lifetime: 18,
    sl: 0,
    flowLabel: 0,
    hopLimit: 0,
    tclass: 0,
    scope: 0,
    joinState: 1,
  };
};
const silent = { groupCreated() {}, groupChanged() {}, groupDeleted() {} };

Deno.test("SubnetGroups.create() reuses an MLID only after all others, and returns undefined if none is free", () => {
  const groups = new SubnetGroups(silent);
  const port = ports().add(request(1), 0)!;
  const first = groups.create(parameters(0))!;
  assertEquals(first.mlid, FIRST_MLID);
  groups.join(first, port, 1);
  groups.leave(first, port, 1);
  assertEquals(groups.get(first.mgid), undefined);
  for (let mlid = FIRST_MLID + 1; mlid <= LAST_MLID; mlid++) {
    assertEquals(groups.create(parameters(mlid))?.mlid, mlid);
  }
  assertEquals(groups.create(parameters(1))?.mlid, FIRST_MLID);
  assertEquals(groups.create(parameters(2)), undefined);
});

Deno.test("SubnetGroups deletes a group that is not permanent when its last full member leaves", () => {
  const deleted: SubnetGroup[] = [];
  const groups = new SubnetGroups({
    ...silent,
    groupDeleted: (group) => deleted.push(group),
  });
  const table = ports();
  const [a, b] = [table.add(request(1), 0)!, table.add(request(2), 0)!];
  const group = groups.create(parameters(1))!;
  const permanent = groups.create(parameters(2), { permanent: true })!;
  for (const each of [group, permanent]) {
    groups.join(each, a, 8);
    groups.join(each, b, 2 | 4);
  }
  groups.removePort(a);
  assertEquals(deleted, [group]);
  assertEquals([...groups], [permanent]);
  assertEquals([...permanent.members.keys()], [2n]);
  assertEquals(groups.leave(permanent, a, 1), 0);
  groups.removePort(b);
  assert(permanent.members.size === 0 && [...groups].length === 1);
});

Deno.test("SubnetGroups.moveEmpty() changes the MLID only of a group without members, to a free MLID", () => {
  const moves: (number | undefined)[] = [];
  const groups = new SubnetGroups({
    ...silent,
    groupChanged: (_, old) => moves.push(old),
  });
  const [a, b] = [groups.create(parameters(1))!, groups.create(parameters(2))!];
  groups.moveEmpty(a, b.mlid);
  groups.moveEmpty(a, 0xffff);
  groups.moveEmpty(a, a.mlid);
  assertEquals([a.mlid, moves], [FIRST_MLID, []]);
  groups.moveEmpty(a, 0xd000);
  assertEquals([a.mlid, moves], [0xd000, [FIRST_MLID]]);
  groups.join(a, ports().add(request(1), 0)!, 1);
  groups.moveEmpty(a, 0xd001);
  assertEquals(a.mlid, 0xd000);
});
