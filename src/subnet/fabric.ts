/**
 * What changed in the forwarding tables since the last time, in messages that fit a frame.
 */

import { formatGuid } from "../wire/gid.ts";
import { type Group, receivers } from "./groups.ts";
import type { FabricGroup, FabricPort, FabricUpdate } from "./messages.ts";
import type { SubnetPort } from "./ports.ts";
import type { Subnet } from "./subnet.ts";

/** Entries of one update, counted as LIDs named: some 10 bytes each in JSON, well within a frame. */
const MAX_WEIGHT = 4096;
/** What the fixed part of a port's or group's entry weighs. */
const ENTRY_WEIGHT = 8;

/** Collects changes. */
export class FabricJournal {
  readonly #portsAdded = new Set<SubnetPort>();
  readonly #portsRemoved = new Set<number>();
  readonly #groupsChanged = new Set<Group>();
  readonly #groupsRemoved = new Set<number>();

  portAdded(port: SubnetPort): void {
    this.#portsAdded.add(port);
  }

  portRemoved(port: SubnetPort): void {
    this.#portsAdded.delete(port);
    this.#portsRemoved.add(port.lid);
  }

  groupChanged(group: Group, oldMlid?: number): void {
    this.#groupsChanged.add(group);
    if (oldMlid !== undefined) this.#groupsRemoved.add(oldMlid);
  }

  groupRemoved(group: Group): void {
    this.#groupsChanged.delete(group);
    this.#groupsRemoved.add(group.mlid);
  }

  /** The updates since the last call; none if nothing changed. */
  take(): FabricUpdate[] {
    const updates = fabricUpdates(
      [...this.#portsAdded],
      [...this.#groupsChanged],
      [...this.#portsRemoved],
      [...this.#groupsRemoved],
    );
    this.#portsAdded.clear();
    this.#portsRemoved.clear();
    this.#groupsChanged.clear();
    this.#groupsRemoved.clear();
    return updates;
  }
}

/** Takes everything out of a port's map: it reaches nobody. */
export function emptiedFabric(
  subnet: Subnet,
  port: SubnetPort,
): FabricUpdate[] {
  const lids = [...subnet.ports].map(({ lid }) => lid);
  const mlids = [...subnet.groups].map(({ mlid }) => mlid);
  return fabricUpdates([], [], [...new Set([...lids, port.lid])], mlids);
}

/** The whole map as updates of an empty one: the first goes into `welcome`, the others follow it. */
export function wholeFabric(subnet: Subnet): FabricUpdate[] {
  const active = [...subnet.ports].filter((port) => port.active);
  return fabricUpdates(active, [...subnet.groups]);
}

function fabricUpdates(
  portsAdded: SubnetPort[],
  groupsChanged: Group[],
  portsRemoved: number[] = [],
  groupsRemoved: number[] = [],
): FabricUpdate[] {
  const updates: FabricUpdate[] = [];
  let update: FabricUpdate | undefined;
  let weight = 0;
  const room = (needed: number): FabricUpdate => {
    if (update === undefined || weight + needed > MAX_WEIGHT) {
      update = { type: "fabric" };
      updates.push(update);
      weight = 0;
    }
    weight += needed;
    return update;
  };
  // Removals of all come before additions of any.
  for (const lid of portsRemoved) (room(1).portsRemoved ??= []).push(lid);
  for (const mlid of groupsRemoved) (room(1).groupsRemoved ??= []).push(mlid);
  for (const port of portsAdded) {
    (room(ENTRY_WEIGHT).portsAdded ??= []).push(portEntry(port));
  }
  for (const group of groupsChanged) {
    const entry = groupEntry(group);
    (room(ENTRY_WEIGHT + entry.lids.length).groupsChanged ??= []).push(entry);
  }
  return updates;
}

function portEntry(port: SubnetPort): FabricPort {
  return { lid: port.lid, guid: formatGuid(port.guid) };
}

function groupEntry(group: Group): FabricGroup {
  return { mlid: group.mlid, mgid: group.key, lids: receivers(group) };
}
