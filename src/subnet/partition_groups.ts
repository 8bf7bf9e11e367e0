/**
 * The groups that the partitions define: IPoIB broadcast groups and the `mgid` groups of a partitions.conf.
 *
 * They exist without members. As in OpenSM's osm_prtn_add_mcgroup, HopLimit is 0 for the link-local scope and 255
 * otherwise. An existing group with members becomes permanent and keeps its parameters. An existing group without
 * members whose parameters differ is replaced, with the same MLID.
 */

import {
  formatPkey,
  FULL_MEMBER,
  ibMtuBytes,
  type IbMtuCode,
} from "../base/units.ts";
import { formatGid, gidKey } from "../wire/gid.ts";
import { broadcastMgid, MgidScope } from "../wire/mgid.ts";
import type { GroupDefinition, Partition } from "./partitions.ts";
import { JoinState } from "../wire/sa/mc_member_record.ts";
import { PACKET_LIFETIME_EXPONENT } from "../wire/sa/path_record.ts";
import type { SubnetGroups } from "./groups.ts";

const WIDE_HOP_LIMIT = 255;

/** The part of a subnet that this module uses. */
export interface PartitionedSubnet {
  readonly partitions: readonly Partition[];
  readonly groups: SubnetGroups;
  readonly mtuCode: IbMtuCode;
  log(level: "warning", text: string): void;
}

/** Creates the missing groups of the partitions. Groups of removed partitions are no longer permanent. */
export function createPartitionGroups(subnet: PartitionedSubnet): void {
  const defined = new Set<string>();
  for (const partition of subnet.partitions) {
    for (const definition of definitions(subnet, partition)) {
      const key = gidKey(definition.mgid);
      // The first of several definitions of a group applies.
      if (defined.has(key)) continue;
      defined.add(key);
      create(subnet, partition, definition);
    }
  }
  for (const group of [...subnet.groups]) {
    if (group.permanent && !defined.has(group.key)) {
      subnet.groups.setPermanent(group, false);
    }
  }
}

function definitions(
  subnet: PartitionedSubnet,
  { pkey, ipoib, groups = [] }: Partition,
): GroupDefinition[] {
  if (ipoib === undefined) return [...groups];
  const broadcasts = ipoib.scopes.map((scope) => ({
    ...ipoib,
    mgid: broadcastMgid(pkey, scope),
    mtu: ipoib.mtu ?? subnet.mtuCode,
  }));
  return [...broadcasts, ...groups];
}

function create(
  subnet: PartitionedSubnet,
  { pkey }: Partition,
  definition: GroupDefinition,
): void {
  const { mgid, qkey, mtu, rate, sl, flowLabel, tclass } = definition;
  const parameters = { qkey, mtu, rate, sl, flowLabel, tclass };
  const existing = subnet.groups.get(mgid);
  if (existing !== undefined) {
    const keep = existing.members.size > 0 || same(existing, parameters);
    // Deletes the group if it is not kept, because it has no members.
    subnet.groups.setPermanent(existing, keep);
    if (keep) return;
  }
  subnet.groups.create({
    ...parameters,
    mgid,
    pkey: pkey | FULL_MEMBER,
    lifetime: PACKET_LIFETIME_EXPONENT,
    hopLimit: (mgid[1]! & 15) === MgidScope.LinkLocal ? 0 : WIDE_HOP_LIMIT,
    scope: mgid[1]! & 15,
    joinState: JoinState.FullMember,
  }, { permanent: true, mlid: existing?.mlid ?? 0 });
  if (mtu <= subnet.mtuCode) return;
  subnet.log(
    "warning",
    `Partition ${formatPkey(pkey)}: no port can join group ${
      formatGid(mgid)
    }, its MTU ${ibMtuBytes(mtu)} is more than the subnet's ${
      ibMtuBytes(subnet.mtuCode)
    }`,
  );
}

function same<T extends object>(existing: T, wanted: Partial<T>): boolean {
  return Object.entries(wanted).every(([name, value]) =>
    existing[name as keyof T] === value
  );
}
