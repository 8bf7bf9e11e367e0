/**
 * Collects changes of the forwarding tables and splits them into updates that fit in a frame.
 */

import { formatGuid } from "../base/hex.ts";
import { receivers, type SubnetGroup } from "./groups.ts";
import { linkToken } from "./link_token.ts";
import type { FabricGroup, FabricPort, FabricUpdate } from "./messages.ts";
import type { SubnetPort } from "./ports.ts";
import type { Subnet } from "./subnet.ts";

/** Maximum weight of an update. A LID or P_Key has weight 1, about 10 bytes in JSON, so an update fits in a frame. */
const MAX_WEIGHT = 4096;
/** Weight of the fixed part of a group's entry; a port's entry has twice this weight. */
const ENTRY_WEIGHT = 8;

/** A {@linkcode FabricUpdate} without the link tokens, which depend on the port that receives the update. */
export interface FabricChange {
  portsRemoved?: number[];
  portsAdded?: SubnetPort[];
  groupsRemoved?: number[];
  groupsChanged?: FabricGroup[];
}

/** Returns the update for the port `to`, with the tokens of its links. */
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

/** The changes that have not been sent yet. */
export class FabricJournal {
  readonly #portsAdded = new Set<SubnetPort>();
  readonly #portsRemoved = new Set<number>();
  readonly #groupsChanged = new Set<SubnetGroup>();
  readonly #groupsRemoved = new Set<number>();

  /** Records a new port, or a changed entry of a port. */
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

  /** Returns the changes since the last call and clears the journal. */
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

/** Returns the changes that remove all entries from a port's map, so that the port reaches no port. */
export function emptiedFabric(
  subnet: Subnet,
  port: SubnetPort,
): FabricChange[] {
  const lids = [...subnet.ports].map(({ lid }) => lid);
  const mlids = [...subnet.groups].map(({ mlid }) => mlid);
  return fabricChanges([], [], [...new Set([...lids, port.lid])], mlids);
}

/** Returns the whole map, as changes to an empty map: the first change is part of `welcome`, the others follow it. */
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
  const withSpace = (needed: number): FabricChange => {
    if (change === undefined || weight + needed > MAX_WEIGHT) {
      change = {};
      changes.push(change);
      weight = 0;
    }
    weight += needed;
    return change;
  };
  // All removals precede the first addition.
  for (const lid of portsRemoved) (withSpace(1).portsRemoved ??= []).push(lid);
  for (const mlid of groupsRemoved) {
    (withSpace(1).groupsRemoved ??= []).push(mlid);
  }
  for (const port of portsAdded) {
    const needed = 2 * ENTRY_WEIGHT + port.pkeys.length;
    (withSpace(needed).portsAdded ??= []).push(port);
  }
  for (const group of groupsChanged) {
    const entry = groupEntry(group);
    const needed = ENTRY_WEIGHT + entry.lids.length;
    (withSpace(needed).groupsChanged ??= []).push(entry);
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
