/**
 * What changed in the forwarding tables since the last time, in messages that fit a frame.
 */

import { formatGuid } from "../base/hex.ts";
import { receivers, type SubnetGroup } from "./groups.ts";
import { linkToken } from "./link_token.ts";
import type { FabricGroup, FabricPort, FabricUpdate } from "./messages.ts";
import type { SubnetPort } from "./ports.ts";
import type { Subnet } from "./subnet.ts";

/** Entries of one update, counted as LIDs named: some 10 bytes each in JSON, well within a frame. */
const MAX_WEIGHT = 4096;
/** What the fixed part of a port's or group's entry weighs. */
const ENTRY_WEIGHT = 8;

/** A {@linkcode FabricUpdate} before it is known which port it goes to. */
export interface FabricChange {
  portsRemoved?: number[];
  portsAdded?: SubnetPort[];
  groupsRemoved?: number[];
  groupsChanged?: FabricGroup[];
}

/** The change as `to` is told of it: with the tokens of its links. */
export function fabricUpdate(
  change: FabricChange,
  to: SubnetPort,
): FabricUpdate {
  const { portsAdded, ...rest } = change;
  return {
    type: "fabric",
    ...rest,
    ...(portsAdded
      ? { portsAdded: portsAdded.map((port) => portEntry(port, to)) }
      : {}),
  };
}

/** Collects changes. */
export class FabricJournal {
  readonly #portsAdded = new Set<SubnetPort>();
  readonly #portsRemoved = new Set<number>();
  readonly #groupsChanged = new Set<SubnetGroup>();
  readonly #groupsRemoved = new Set<number>();

  /** The port is new, or what others know of it is. */
  portAdded(port: SubnetPort): void {
    this.#portsAdded.add(port);
  }

  portRemoved(port: SubnetPort): void {
    this.#portsAdded.delete(port);
    this.#portsRemoved.add(port.lid);
  }

  groupChanged(group: SubnetGroup, oldMlid?: number): void {
    this.#groupsChanged.add(group);
    if (oldMlid !== undefined) this.#groupsRemoved.add(oldMlid);
  }

  groupRemoved(group: SubnetGroup): void {
    this.#groupsChanged.delete(group);
    this.#groupsRemoved.add(group.mlid);
  }

  /** The changes since the last call; none if there are none. */
  take(): FabricChange[] {
    const changes = fabricChanges(
      [...this.#portsAdded],
      [...this.#groupsChanged],
      [...this.#portsRemoved],
      [...this.#groupsRemoved],
    );
    this.#portsAdded.clear();
    this.#portsRemoved.clear();
    this.#groupsChanged.clear();
    this.#groupsRemoved.clear();
    return changes;
  }
}

/** Takes everything out of a port's map: it reaches no port. */
export function emptiedFabric(
  subnet: Subnet,
  port: SubnetPort,
): FabricChange[] {
  const lids = [...subnet.ports].map(({ lid }) => lid);
  const mlids = [...subnet.groups].map(({ mlid }) => mlid);
  return fabricChanges([], [], [...new Set([...lids, port.lid])], mlids);
}

/** The whole map as changes of an empty one: the first goes into `welcome`, the others follow it. */
export function wholeFabric(subnet: Subnet): FabricChange[] {
  const active = [...subnet.ports].filter((port) => port.active);
  return fabricChanges(active, [...subnet.groups]);
}

function fabricChanges(
  portsAdded: SubnetPort[],
  groupsChanged: SubnetGroup[],
  portsRemoved: number[] = [],
  groupsRemoved: number[] = [],
): FabricChange[] {
  const changes: FabricChange[] = [];
  let change: FabricChange | undefined;
  let weight = 0;
  const room = (needed: number): FabricChange => {
    if (change === undefined || weight + needed > MAX_WEIGHT) {
      change = {};
      changes.push(change);
      weight = 0;
    }
    weight += needed;
    return change;
  };
  // Removals of all come before additions of any.
  for (const lid of portsRemoved) (room(1).portsRemoved ??= []).push(lid);
  for (const mlid of groupsRemoved) (room(1).groupsRemoved ??= []).push(mlid);
  for (const port of portsAdded) {
    const needed = 2 * ENTRY_WEIGHT + port.pkeys.length;
    (room(needed).portsAdded ??= []).push(port);
  }
  for (const group of groupsChanged) {
    const entry = groupEntry(group);
    (room(ENTRY_WEIGHT + entry.lids.length).groupsChanged ??= []).push(entry);
  }
  return changes;
}

function portEntry(port: SubnetPort, to: SubnetPort): FabricPort {
  return {
    lid: port.lid,
    guid: formatGuid(port.guid),
    pkeys: [...port.pkeys],
    token: linkToken(port.secret, formatGuid(to.guid)),
  };
}

function groupEntry(group: SubnetGroup): FabricGroup {
  return { mlid: group.mlid, mgid: group.key, lids: receivers(group) };
}
