/** Takeovers with every order in which ports register again: LIDs, MLIDs and groups do not change and stay unique. */

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
/** The members of each group that a join created. */
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

/** The state of a subnet after its manager: the last forwarding tables, and the LIDs and memberships of the ports. */
interface LastState {
  previous: LastKnown;
  lids: Map<number, number>;
  memberships: Map<number, Membership[]>;
}

/** Returns the state of a subnet with unused LIDs and MLIDs between those in use. */
function lastState(): LastState {
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

/** Returns the MLID of each group, after a check that MLIDs and LIDs are unique. */
function mlids(rig: Rig): Map<string, number> {
  const { groups, ports } = rig.snapshot;
  const found = new Map(groups.map(({ mgid, mlid }) => [mgid, mlid]));
  assertEquals(new Set(found.values()).size, groups.length);
  assertEquals(new Set(ports.map(({ lid }) => lid)).size, ports.length);
  return found;
}

/** Returns all permutations of a list. */
function orders<T>(list: readonly T[]): T[][] {
  if (list.length === 0) return [[]];
  return list.flatMap((item, i) =>
    orders(list.toSpliced(i, 1)).map((rest) => [item, ...rest])
  );
}

const OLD = lastState();
/** The MLIDs of the groups under the previous manager, by `gidKey` of the MGID. */
const OLD_MLIDS = new Map(
  OLD.previous.groups.map(({ mgid, mlid }) => [mgid, mlid]),
);

for (const known of [true, false]) {
  const how = known ? "with" : "without";
  Deno.test(`a manager ${how} previous state restores LIDs and groups for every order of ports`, () => {
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
        assertEquals(group.members.map(({ lid }) => lid), expected);
      }
      const now = new Map(
        [...rig.ports.values()].at(-1)!.lastKnown().groups
          .map(({ mgid, mlid }) => [mgid, mlid]),
      );
      // Without the tables, a permanent group without members may have another MLID.
      if (known) assertEquals(now, OLD_MLIDS);
      for (const [n, list] of OLD.memberships) {
        for (const { mgid, mlid } of list) {
          assertEquals(now.get(mgid), mlid, `a group of port ${n}`);
        }
      }
    }
  });
}

Deno.test("only groups of ports that have registered again are restored", () => {
  const rig = new Rig({ previous: OLD.previous });
  rig.join(2, { lid: OLD.lids.get(2)! }, OLD.memberships.get(2)!);
  const alive = rig.snapshot.groups.filter(({ permanent }) => !permanent);
  assertEquals(alive.length, 2);
  // The groups of a port that registers later are restored then.
  rig.join(1, { lid: OLD.lids.get(1)! }, OLD.memberships.get(1)!);
  assertEquals(mlids(rig).size, 3 + 3);
});

Deno.test("LIDs and MLIDs are unique when new ports register between those of the previous manager", () => {
  fc.assert(
    fc.property(
      fc.boolean(),
      fc.shuffledSubarray([...PORTS]),
      fc.array(
        fc.record({
          /** Number of old ports that register before the new port, and the group that the new port creates. */
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
