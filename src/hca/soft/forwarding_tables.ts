/**
 * What the switches know: which port is behind a LID, which ports are behind a multicast LID, and of each port its partitions.
 *
 * The subnet manager sends it whole with the welcome and then what changes; a port keeps it when the manager
 * dies, so that traffic goes on. The next manager learns of the ports one by one: until they had time to come back
 * ({@linkcode OLD_TABLES_MS}), the tables of the old one are used beside those of the new one.
 */

import type {
  FabricMap,
  FabricPort,
  FabricUpdate,
  LastKnown,
} from "../../subnet/messages.ts";

/** How long the tables of a dead manager are used. */
export const OLD_TABLES_MS = 3000;

const NO_MEMBERS = new Int32Array(0);

/** One manager's tables. */
class Tables {
  readonly byLid = new Map<number, FabricPort>();
  readonly byGuid = new Map<string, FabricPort>();
  readonly groups = new Map<number, { mgid: string; lids: number[] }>();

  update(update: FabricUpdate): void {
    for (const lid of update.portsRemoved ?? []) {
      const port = this.byLid.get(lid);
      this.byLid.delete(lid);
      if (port) this.byGuid.delete(port.guid);
    }
    for (const port of update.portsAdded ?? []) {
      this.byLid.set(port.lid, port);
      this.byGuid.set(port.guid, port);
    }
    for (const mlid of update.groupsRemoved ?? []) this.groups.delete(mlid);
    for (const { mlid, mgid, lids } of update.groupsChanged ?? []) {
      this.groups.set(mlid, { mgid, lids });
    }
  }
}

export class ForwardingTables {
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

  /** From now on only the present manager's tables are used. */
  forgetOld(): void {
    this.#before = undefined;
    this.#collectMembers();
  }

  /** The port behind a LID. */
  port(lid: number): FabricPort | undefined {
    return this.#now.byLid.get(lid) ?? this.#before?.byLid.get(lid);
  }

  /** The port with a GUID. */
  find(guid: string): FabricPort | undefined {
    return this.#now.byGuid.get(guid) ?? this.#before?.byGuid.get(guid);
  }

  /** The LIDs of the ports that receive packets to a multicast LID. */
  members(mlid: number): Int32Array {
    return this.#members.get(mlid) ?? NO_MEMBERS;
  }

  /** Ports and groups of the present manager, for the next one. */
  known(): Pick<LastKnown, "ports" | "groups"> {
    return {
      ports: [...this.#now.byLid.values()]
        .map(({ lid, guid }) => ({ lid, guid })),
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
