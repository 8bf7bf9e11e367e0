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

/** A port GUID, or a kind of ports: on the embedded subnet the manager is a switch, all others are channel adapters. */
export type PortSelector =
  | bigint
  | "ALL"
  | "ALL_CAS"
  | "ALL_SWITCHES"
  | "ALL_ROUTERS"
  | "SELF";

/** One entry of a partition's member list. */
export interface PartitionMember {
  port: PortSelector;
  membership: PartitionMembership;
  /** True if the P_Key belongs at index 0 of these ports' tables, false if no longer. */
  first?: boolean;
}

/** A multicast group that exists for as long as its partition does. */
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
  /** Further groups that are created with it. */
  groups?: readonly GroupDefinition[];
  /** For each port the last that names it counts. */
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

/** Entries that a P_Key table can have. */
export const MAX_PKEYS = 64;

/**
 * The P_Key table of a port, as OpenSM fills an empty one: at index 0 what claims it, or the default
 * partition; then the others in the order in which OpenSM keeps partitions on a little-endian machine, by the
 * low byte of the P_Key first. What is beyond {@linkcode MAX_PKEYS} is left out, but not the default partition.
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
    const claim = firstOf(partition, guid, role);
    if (claim === true) first = partition.pkey;
  }
  // Nobody can reach the administrator without the default partition.
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
 * The P_Key table that follows another one: P_Keys that stay keep their index, whatever their membership, so
 * that queue pairs that run are not moved to another partition; an index that is not used any more is 0, and is used again
 * when the table is full.
 */
export function updatedPkeyTable(
  old: readonly number[],
  wanted: readonly number[],
): number[] {
  const rest = [...wanted];
  const table = old.map((pkey, index) => {
    const found = rest.findIndex((other) => ((other ^ pkey) & 0x7fff) === 0);
    // Index 0 decides which partition is the parent interface's.
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

/** What a port is in the subnet. */
export type PortRole = "port" | "manager";

/** P_Keys in the order of the tables, without regard to index 0. */
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

/** True if the port is a member whose table is to begin with this partition. */
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

/** True if the table has the P_Key, whatever the membership. */
export function hasPkey(table: readonly number[], pkey: number): boolean {
  const base = pkey & 0x7fff;
  return base !== 0 && table.some((entry) => (entry & 0x7fff) === base);
}
