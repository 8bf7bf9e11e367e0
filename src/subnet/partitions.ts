/**
 * Partitions: which P_Keys a port has, and which partitions are IPoIB links.
 *
 * Modelled on OpenSM's partition definitions (its partition-config document). Without a definition of its
 * own the embedded subnet has three partitions with every port a full member, each with its IPoIB broadcast
 * group, so that child interfaces can be tried at once; OpenSM would have the default partition alone.
 */

import { FULL_MEMBER } from "../base/units.ts";

/** P_Key base of the default partition, of which every port is a member. */
export const DEFAULT_PARTITION = 0x7fff;

export type PartitionMembership = "full" | "limited" | "both";

/** One entry of a partition's member list. */
export interface PartitionMember {
  /** A port GUID, or every port. */
  port: bigint | "ALL";
  membership: PartitionMembership;
}

/** What the pre-created IPv4 broadcast group of a partition is like; defaults are OpenSM's. */
export interface IpoibOptions {
  /** MTU code; absent: that of the subnet. */
  mtu?: number;
  /** Rate code: 3 is 10 Gb/s. */
  rate: number;
  sl: number;
  /** MGID scopes; one broadcast group for each. */
  scopes: readonly number[];
  qkey: number;
  tclass: number;
  flowLabel: number;
}

/** One partition. */
export interface Partition {
  name: string;
  /** 15 bits, without the membership bit. */
  pkey: number;
  /** True if the P_Key belongs at index 0 of the tables. */
  first?: boolean;
  /** Present if the partition is an IPoIB link. */
  ipoib?: IpoibOptions;
  members: readonly PartitionMember[];
}

/** Q_Key of IPoIB groups that do not say otherwise. */
export const IPOIB_QKEY = 0x00000b1b;

/** The options of `ipoib` without flags. */
export const IPOIB_DEFAULTS: IpoibOptions = Object.freeze({
  rate: 3,
  sl: 0,
  scopes: [2],
  qkey: IPOIB_QKEY,
  tclass: 0,
  flowLabel: 0,
});

/** P_Keys 0xffff, 0x8001 and 0x8002, all ports full members, an IPoIB link in each. */
export function defaultPartitions(): Partition[] {
  const everybody = { port: "ALL", membership: "full" } as const;
  return [["Default", DEFAULT_PARTITION], ["one", 1], ["two", 2]].map((
    [name, pkey],
  ) => ({
    name: name as string,
    pkey: pkey as number,
    ipoib: IPOIB_DEFAULTS,
    members: [everybody],
  }));
}

/** The P_Key table of a port: definition order, but index 0 for the partition that claims it. */
export function pkeyTable(
  partitions: readonly Partition[],
  guid: bigint,
): number[] {
  const table: number[] = [];
  const ordered = [
    ...partitions.filter((p) => p.first),
    ...partitions.filter((p) => !p.first),
  ];
  for (const partition of ordered) {
    for (const pkey of pkeysOf(partition, guid)) {
      if (!table.includes(pkey)) table.push(pkey);
    }
  }
  // Nobody can reach the administrator without the default partition.
  if (!table.some((pkey) => (pkey & DEFAULT_PARTITION) === DEFAULT_PARTITION)) {
    table.push(DEFAULT_PARTITION);
  }
  return table;
}

/** A port that is listed more than once has the strongest of its memberships, as in OpenSM. */
function pkeysOf(partition: Partition, guid: bigint): number[] {
  const memberships = new Set(
    partition.members
      .filter((member) => member.port === "ALL" || member.port === guid)
      .map((member) => member.membership),
  );
  const full = partition.pkey | FULL_MEMBER;
  if (memberships.has("both")) return [full, partition.pkey];
  if (memberships.has("full")) return [full];
  return memberships.has("limited") ? [partition.pkey] : [];
}

/** True if the table has the P_Key, whatever the membership. */
export function hasPkey(table: readonly number[], pkey: number): boolean {
  const base = pkey & 0x7fff;
  return base !== 0 && table.some((entry) => (entry & 0x7fff) === base);
}
