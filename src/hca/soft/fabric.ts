/**
 * What the switches would know: which port is behind a LID, which ports are behind a multicast LID.
 *
 * The subnet manager sends it whole with the welcome and then what changes; a port keeps it when the manager
 * dies, so that traffic goes on. The next manager learns of the ports one by one: until they had time to come back
 * ({@linkcode GRACE_MS}), what the old one said counts beside what the new one says.
 */

import type { FabricMap, FabricUpdate } from "../../subnet/messages.ts";

/** How long the word of a dead manager counts. */
export const GRACE_MS = 3000;

const NOBODY = new Int32Array(0);

/** One manager's word. */
class Tables {
  readonly guids = new Map<number, string>();
  readonly lids = new Map<string, number>();
  readonly groups = new Map<number, { mgid: string; lids: number[] }>();

  update(update: FabricUpdate): void {
    for (const lid of update.portsRemoved ?? []) {
      const guid = this.guids.get(lid);
      this.guids.delete(lid);
      if (guid !== undefined) this.lids.delete(guid);
    }
    for (const { lid, guid } of update.portsAdded ?? []) {
      this.guids.set(lid, guid);
      this.lids.set(guid, lid);
    }
    for (const mlid of update.groupsRemoved ?? []) this.groups.delete(mlid);
    for (const { mlid, mgid, lids } of update.groupsChanged ?? []) {
      this.groups.set(mlid, { mgid, lids });
    }
  }
}

export class Fabric {
  #now = new Tables();
  #before: Tables | undefined;
  #members = new Map<number, Int32Array>();

  /** Takes the whole map of a manager; the old one counts on until {@linkcode forgetOld}. */
  replace(map: FabricMap): void {
    this.#before = this.#now;
    this.#now = new Tables();
    this.update({
      type: "fabric",
      portsAdded: map.ports,
      groupsChanged: map.groups,
    });
  }

  /** Takes what has changed: removals first. */
  update(update: FabricUpdate): void {
    this.#now.update(update);
    this.#collectMembers();
  }

  /** From now on only the present manager's word counts. */
  forgetOld(): void {
    this.#before = undefined;
    this.#collectMembers();
  }

  /** The GUID behind a LID. */
  guid(lid: number): string | undefined {
    return this.#now.guids.get(lid) ?? this.#before?.guids.get(lid);
  }

  /** The LID of a GUID; 0 if the port is not known. */
  lid(guid: string): number {
    return this.#now.lids.get(guid) ?? this.#before?.lids.get(guid) ?? 0;
  }

  /** The LIDs of the ports that receive packets to a multicast LID. */
  members(mlid: number): Int32Array {
    return this.#members.get(mlid) ?? NOBODY;
  }

  /** The map as a manager would send it. */
  map(): FabricMap {
    return {
      ports: [...this.#now.guids].map(([lid, guid]) => ({ lid, guid })),
      groups: [...this.#now.groups].map(([mlid, group]) => ({
        mlid,
        ...group,
      })),
    };
  }

  #collectMembers(): void {
    const members = new Map<number, Set<number>>();
    for (const tables of [this.#now, this.#before]) {
      for (const [mlid, { lids }] of tables?.groups ?? []) {
        const all = members.get(mlid) ?? new Set();
        for (const lid of lids) all.add(lid);
        members.set(mlid, all);
      }
    }
    this.#members = new Map(
      [...members].map(([mlid, lids]) => [mlid, Int32Array.from(lids)]),
    );
  }
}
