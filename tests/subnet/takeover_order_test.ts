/** A takeover, whatever the order in which ports come back: LIDs, MLIDs and groups stay, and nothing is given twice. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { broadcastJoin, groupJoin } from "../../src/sa/requests.ts";
import type { LastKnown, Membership } from "../../src/subnet/messages.ts";
import { gidKey } from "../../src/wire/gid.ts";
import { broadcastMgid, ipv4Mgid } from "../../src/wire/mgid.ts";
import {
  JoinState,
  type McMemberRecord,
} from "../../src/wire/sa/mc_member_record.ts";
import { Rig, type RigPort } from "./rig.ts";

const BROADCAST = broadcastMgid(0xffff);
const PORTS: readonly number[] = [1, 2, 3, 4];
/** Which ports are in which of the groups that users have made. */
const GROUPS: readonly (readonly number[])[] = [[1, 2], [2, 3, 4], [4], [1]];

function joined(port: RigPort, group?: number, link?: McMemberRecord) {
  const request = group === undefined
    ? broadcastJoin(BROADCAST, port.gid, 0xffff)
    : groupJoin(
      ipv4Mgid(0xef000100 + group | 0, BROADCAST),
      port.gid,
      link!,
      group === 3 ? JoinState.SendOnlyFullMember : JoinState.FullMember,
    );
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

/** What the old manager left, and what its ports bring along. */
interface Remains {
  previous: LastKnown;
  lids: Map<number, number>;
  memberships: Map<number, Membership[]>;
}

/** A subnet with holes: ports and groups that are gone lie between those that are there. */
function remains(): Remains {
  const rig = new Rig();
  const gone = rig.join(9);
  const link = joined(gone);
  const ports = new Map(PORTS.map((n) => [n, rig.join(n)] as const));
  const memberships = new Map<number, Membership[]>();
  for (const [n, port] of ports) memberships.set(n, [membership(joined(port))]);
  joined(gone, 77, link);
  GROUPS.forEach((members, group) => {
    for (const n of members) {
      const record = joined(ports.get(n)!, group, link);
      memberships.get(n)!.push(membership(record));
    }
  });
  rig.leave(gone);
  const lids = new Map([...ports].map(([n, port]) => [n, port.welcome.lid]));
  return { previous: ports.get(1)!.lastKnown(), lids, memberships };
}

/** The MLID of each group, after a look that none is there twice. */
function mlids(rig: Rig): Map<string, number> {
  const { groups, ports } = rig.snapshot;
  const found = new Map(groups.map(({ mgid, mlid }) => [mgid, mlid]));
  assertEquals(new Set(found.values()).size, groups.length);
  assertEquals(new Set(ports.map(({ lid }) => lid)).size, ports.length);
  return found;
}

/** All orders of a list. */
function orders<T>(list: readonly T[]): T[][] {
  if (list.length === 0) return [[]];
  return list.flatMap((item, i) =>
    orders(list.toSpliced(i, 1)).map((rest) => [item, ...rest])
  );
}

const OLD = remains();
/** The MLIDs of the groups that live, by MGID key. */
const OLD_MLIDS = new Map(
  OLD.previous.groups.map(({ mgid, mlid }) => [mgid, mlid]),
);

for (const known of [true, false]) {
  const how = known ? "that knew the map" : "that knew nothing";
  Deno.test(`LIDs and groups stay under a manager ${how}, in every order of return`, () => {
    for (const order of orders(PORTS)) {
      const rig = new Rig(known ? { previous: OLD.previous } : {});
      for (const n of order) {
        const port = rig.join(
          n,
          { lid: OLD.lids.get(n)! },
          OLD.memberships.get(n)!,
        );
        assertEquals(port.welcome.lid, OLD.lids.get(n));
        mlids(rig);
      }
      for (const group of rig.snapshot.groups) {
        const members = OLD.memberships;
        const expected = PORTS.filter((n) =>
          members.get(n)!.some(({ mlid }) => mlid === group.mlid)
        ).map((n) => OLD.lids.get(n));
        if (expected.length === 0) continue;
        assertEquals(group.members.map(({ lid }) => lid), expected);
      }
      const now = new Map(
        [...rig.ports.values()].at(-1)!.lastKnown().groups
          .map(({ mgid, mlid }) => [mgid, mlid]),
      );
      for (const [mgid, mlid] of now) {
        const before = OLD_MLIDS.get(mgid);
        // A permanent group without members may have any.
        if (known || rig.ports.size === 0) assertEquals(mlid, before);
      }
      for (const [n, list] of OLD.memberships) {
        for (const { mgid, mlid } of list) {
          assertEquals(now.get(mgid), mlid, `a group of port ${n}`);
        }
      }
    }
  });
}

Deno.test("groups that users made and nobody brings back are gone", () => {
  const rig = new Rig({ previous: OLD.previous });
  rig.join(2, { lid: OLD.lids.get(2)! }, OLD.memberships.get(2)!);
  const alive = rig.snapshot.groups.filter(({ permanent }) => !permanent);
  assertEquals(alive.length, 2);
  // A port that comes back later has its groups, with their MLIDs.
  rig.join(1, { lid: OLD.lids.get(1)! }, OLD.memberships.get(1)!);
  assertEquals(mlids(rig).size, 3 + 3);
});

Deno.test("no LID and no MLID is given twice, whoever comes in whatever order", () => {
  fc.assert(
    fc.property(
      fc.boolean(),
      fc.shuffledSubarray([...PORTS]),
      fc.array(
        fc.record({
          /** After how many returns the newcomer comes, and which group it makes. */
          after: fc.nat(4),
          group: fc.nat(20),
        }),
        { maxLength: 6 },
      ),
      (known, order, newcomers) => {
        const rig = new Rig(known ? { previous: OLD.previous } : {});
        let guid = 0x20;
        for (let i = 0; i <= order.length; i++) {
          for (const { after, group } of newcomers) {
            if (after !== i) continue;
            const port = rig.join(1, {
              guid: `0x00000000000000${(guid++).toString(16)}`,
            });
            joined(port, 100 + group, joined(port));
            mlids(rig);
          }
          const n = order[i];
          if (n === undefined) continue;
          const port = rig.join(
            n,
            { lid: OLD.lids.get(n)! },
            OLD.memberships.get(n)!,
          );
          const groups = mlids(rig);
          if (known) assertEquals(port.welcome.lid, OLD.lids.get(n));
          assert(groups.size >= 3);
        }
      },
    ),
    { numRuns: 60 },
  );
});
