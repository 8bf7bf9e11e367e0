/**
 * Partition definitions, and the P_Key tables that follow from them.
 *
 * The definitions follow OpenSM's (doc/partition-config.txt). Without a partitions.conf, the embedded subnet has three
 * partitions, each with an IPoIB broadcast group and all ports as full members, so that child interfaces work without
 * configuration; OpenSM has only the default partition.
 */

import { FULL_MEMBER } from "../base/units.ts";

/** Low 15 bits of the P_Key of the default partition, of which every port is a member. */
export const DEFAULT_PARTITION = 0x7fff;

export type PartitionMembership = "full" | "limited" | "both";

/** A port GUID, or a type of port: the manager is `SELF` and the only switch, all other ports are channel adapters. */
export type PortSelector =
  | bigint
  | "ALL"
  | "ALL_CAS"
  | "ALL_SWITCHES"
  | "ALL_ROUTERS"
  | "SELF";

/** An entry of a partition's member list. */
export interface PartitionMember {
  port: PortSelector;
  membership: PartitionMembership;
  /** True to put the P_Key at index 0 of these ports' tables. If absent, `first` of the partition applies. */
  first?: boolean;
}

/** A multicast group that exists while its partition exists. */
export interface GroupDefinition {
  /** 16 bytes. */
  mgid: Uint8Array;
  /** MTU code. */
  mtu: number;
  /** Rate code. */
  rate: number;
  sl: number;
  qkey: number;
  tclass: number;
  flowLabel: number;
}

/** Parameters of a partition's IPv4 broadcast groups. */
export interface IpoibOptions {
  /** MTU code. If absent, the MTU of the subnet. */
  mtu?: number;
  /** Rate code: 3 is 10 Gb/s. */
  rate: number;
  sl: number;
  /** MGID scopes. The partition has one broadcast group for each. */
  scopes: readonly number[];
  qkey: number;
  tclass: number;
  flowLabel: number;
}

export interface Partition {
  name: string;
  /** 15 bits, without the membership bit. */
  pkey: number;
  /** True to put the P_Key at index 0 of its members' tables. */
  first?: boolean;
  /** Present if the partition is an IPoIB link. */
  ipoib?: IpoibOptions;
  /** Other groups of the partition. */
  groups?: readonly GroupDefinition[];
  /** The last entry that selects a port determines its membership. */
  members: readonly PartitionMember[];
}

/** Default Q_Key of IPoIB groups. */
export const IPOIB_QKEY = 0x00000b1b;

/** Parameters of the broadcast groups of the built-in partitions. */
export const IPOIB_DEFAULTS: IpoibOptions = Object.freeze({
  rate: 3,
  sl: 0,
  scopes: [2],
  qkey: IPOIB_QKEY,
  tclass: 0,
  flowLabel: 0,
});

/** Returns the built-in partitions: P_Keys 0xffff, 0x8001, 0x8002, each an IPoIB link, all ports full members. */
export function defaultPartitions(): Partition[] {
  const all = { port: "ALL", membership: "full" } as const;
  return [["Default", DEFAULT_PARTITION], ["one", 1], ["two", 2]].map((
    [name, pkey],
  ) => ({
    name: name as string,
    pkey: pkey as number,
    ipoib: IPOIB_DEFAULTS,
    members: [all],
  }));
}

/** Maximum number of entries of a P_Key table (PartitionCap). */
export const MAX_PKEYS = 64;

/**
 * Returns the P_Key table of a port, as OpenSM fills an empty table.
 *
 * Index 0 has the P_Key of the last partition that claims it, or else that of the default partition. The others
 * follow in the order in which OpenSM keeps partitions on a little-endian machine: by the low byte of the P_Key, then
 * by the high byte. The table has at most {@linkcode MAX_PKEYS} entries and always includes the default partition.
 */
export function pkeyTable(
  partitions: readonly Partition[],
  guid: bigint,
  role: PortRole = "port",
): number[] {
  let first = DEFAULT_PARTITION;
  const pkeys: number[] = [];
  const ordered = partitions.toSorted((a, b) => rank(a.pkey) - rank(b.pkey));
  for (const partition of ordered) {
    for (const pkey of pkeysOf(partition, guid, role)) {
      if (!pkeys.includes(pkey)) pkeys.push(pkey);
    }
  }
  for (const partition of partitions) {
    if (firstOf(partition, guid, role)) first = partition.pkey;
  }
  // Without the default partition, the port cannot reach the administrator.
  if (!hasPkey(pkeys, DEFAULT_PARTITION)) pkeys.push(DEFAULT_PARTITION);
  const isFirst = (pkey: number) => (pkey & 0x7fff) === first;
  const table = [
    ...pkeys.filter(isFirst),
    ...pkeys.filter((pkey) => !isFirst(pkey)),
  ];
  const kept = table.slice(0, MAX_PKEYS);
  if (hasPkey(kept, DEFAULT_PARTITION)) return kept;
  const isDefault = (pkey: number) => (pkey & 0x7fff) === DEFAULT_PARTITION;
  return [...kept.slice(0, -1), table.find(isDefault)!];
}

/**
 * Returns the P_Key table that replaces `old` and has the P_Keys of `wanted`.
 *
 * A P_Key keeps its index, even if its membership bit changes, so that active queue pairs stay in their partition. The
 * exception is index 0, which always has the first P_Key of `wanted`: a P_Key that is moved there, or that is replaced
 * there, changes its index. Entries of removed P_Keys are 0 (at the end of the table they are removed) and are reused
 * only when the table has {@linkcode MAX_PKEYS} entries.
 */
export function updatedPkeyTable(
  old: readonly number[],
  wanted: readonly number[],
): number[] {
  const rest = [...wanted];
  const table = old.map((pkey, index) => {
    const found = rest.findIndex((other) => ((other ^ pkey) & 0x7fff) === 0);
    // By default, a parent interface uses the partition at index 0, so that index follows the definitions.
    if (found < 0 || index === 0 !== (rest[found] === wanted[0])) return 0;
    return rest.splice(found, 1)[0]!;
  });
  if ((table[0] ?? 0) === 0) {
    table[0] = rest.splice(rest.indexOf(wanted[0]!), 1)[0]!;
  }
  for (const pkey of rest) {
    if (table.length < MAX_PKEYS) table.push(pkey);
    else {
      const unused = table.indexOf(0);
      if (unused > 0) table[unused] = pkey;
    }
  }
  while (table.at(-1) === 0) table.pop();
  return table;
}

/** The role of a port in the subnet. */
export type PortRole = "port" | "manager";

/** Returns P_Keys in the order of a P_Key table without a special entry at index 0. */
export function inPkeyOrder(pkeys: readonly number[]): number[] {
  return pkeys.toSorted((a, b) => rank(a & 0x7fff) - rank(b & 0x7fff));
}

function rank(pkey: number): number {
  return (pkey & 0xff) << 8 | pkey >> 8;
}

function pkeysOf(
  partition: Partition,
  guid: bigint,
  role: PortRole,
): number[] {
  const member = partition.members
    .findLast(({ port }) => selects(port, guid, role));
  if (member === undefined) return [];
  const full = partition.pkey | FULL_MEMBER;
  if (member.membership === "both") return [full, partition.pkey];
  return [member.membership === "full" ? full : partition.pkey];
}

/** True if the port is a member and the partition claims index 0 of its table. */
function firstOf(partition: Partition, guid: bigint, role: PortRole): boolean {
  const member = partition.members
    .findLast(({ port }) => selects(port, guid, role));
  return member !== undefined && (member.first ?? partition.first ?? false);
}

function selects(port: PortSelector, guid: bigint, role: PortRole): boolean {
  switch (port) {
    case "ALL":
      return true;
    case "ALL_CAS":
      return role === "port";
    case "ALL_SWITCHES":
    case "SELF":
      return role === "manager";
    case "ALL_ROUTERS":
      return false;
    default:
      return port === guid;
  }
}

/** True if the table has the P_Key, as full or limited member. False for P_Key 0, which is invalid. */
export function hasPkey(table: readonly number[], pkey: number): boolean {
  const base = pkey & 0x7fff;
  return base !== 0 && table.some((entry) => (entry & 0x7fff) === base);
}
