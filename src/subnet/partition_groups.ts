/**
 * The groups that come with the partitions: IPoIB broadcast groups and those that a partitions.conf names.
 *
 * They exist without members. (OpenSM's osm_prtn_add_mcgroup behaviour: HopLimit 0 within the link, 255
 * beyond; a group that a port had created before becomes the partition's as it is.) One that no port is in is made
 * anew when its partition gives it other parameters.
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

/** What the groups are made from, and where. */
export interface PartitionedSubnet {
  readonly partitions: readonly Partition[];
  readonly groups: SubnetGroups;
  readonly mtuCode: IbMtuCode;
  log(level: "warning", text: string): void;
}

/** Creates what does not exist, and lets go of what was there for a partition that is no more. */
export function createPartitionGroups(subnet: PartitionedSubnet): void {
  const wanted = new Set<string>();
  for (const partition of subnet.partitions) {
    for (const definition of definitions(subnet, partition)) {
      const key = gidKey(definition.mgid);
      // Of several definitions of a group the first counts.
      if (wanted.has(key)) continue;
      wanted.add(key);
      create(subnet, partition, definition);
    }
  }
  for (const group of [...subnet.groups]) {
    if (group.permanent && !wanted.has(group.key)) {
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
    const stays = existing.members.size > 0 || same(existing, parameters);
    subnet.groups.setPermanent(existing, stays);
    if (stays) return;
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
    `Partition ${formatPkey(pkey)}: no port can join the group ${
      formatGid(mgid)
    }, MTU ${ibMtuBytes(mtu)} is more than the subnet's ${
      ibMtuBytes(subnet.mtuCode)
    }`,
  );
}

function same<T extends object>(existing: T, wanted: Partial<T>): boolean {
  return Object.entries(wanted).every(([name, value]) =>
    existing[name as keyof T] === value
  );
}
