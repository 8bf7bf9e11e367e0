/**
 * The forwarding tables of the embedded subnet's switches: the port of each LID, the member ports of each multicast
 * LID, and the P_Key table of each port.
 *
 * The subnet manager sends all tables with its welcome, and afterwards the changes. A port keeps the tables when the
 * manager dies, so that traffic continues. Ports register with the next manager one by one, so the old tables stay in use
 * alongside the new ones for {@linkcode OLD_TABLES_MS}. They may be those of several managers, if one of them ends before
 * all ports have registered with it.
 */

import type {
  FabricMap,
  FabricPort,
  FabricUpdate,
  LastKnown,
} from "../../subnet/messages.ts";

/** Time for which the old tables are used after a new manager's welcome. */
export const OLD_TABLES_MS = 3000;

const NO_MEMBERS = new Int32Array(0);

/** The tables of one manager, or of several, which {@linkcode Tables.complete} combines. */
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

  /** Adds the ports, groups and members that only the older tables have. */
  complete(older: Tables): void {
    for (const [lid, port] of older.byLid) {
      if (this.byLid.has(lid) || this.byGuid.has(port.guid)) continue;
      this.byLid.set(lid, port);
      this.byGuid.set(port.guid, port);
    }
    const mgids = new Set([...this.groups.values()].map(({ mgid }) => mgid));
    for (const [mlid, group] of older.groups) {
      const { mgid, lids } = this.groups.get(mlid) ?? {};
      if (lids === undefined) {
        if (!mgids.has(group.mgid)) this.groups.set(mlid, group);
      } else if (mgid === group.mgid) {
        const all = new Set([...lids, ...group.lids]);
        this.groups.set(mlid, { mgid, lids: [...all] });
      }
    }
  }
}

/** The forwarding tables that one port stores: those of the current and, for a while, of the previous managers. */
export class ForwardingTables {
  #now = new Tables();
  #before: Tables | undefined;
  #members = new Map<number, Int32Array>();

  /** Installs a new manager's map. The old tables stay in use as a fallback until {@linkcode forgetOld}. */
  replace(map: FabricMap): void {
    this.#before = this.#all();
    this.#now = new Tables();
    this.update({
      type: "fabric",
      portsAdded: map.ports,
      groupsChanged: map.groups,
    });
  }

  /** Applies changes to the current manager's tables: removals first, then additions. */
  update(update: FabricUpdate): void {
    this.#now.update(update);
    this.#collectMembers();
  }

  /** Discards the old tables. */
  forgetOld(): void {
    this.#before = undefined;
    this.#collectMembers();
  }

  /** Returns the port with this LID. */
  port(lid: number): FabricPort | undefined {
    return this.#now.byLid.get(lid) ?? this.#before?.byLid.get(lid);
  }

  /** Returns the port with this GUID. */
  find(guid: string): FabricPort | undefined {
    return this.#now.byGuid.get(guid) ?? this.#before?.byGuid.get(guid);
  }

  /** Returns the LIDs of the ports that receive packets to this multicast LID. */
  members(mlid: number): Int32Array {
    return this.#members.get(mlid) ?? NO_MEMBERS;
  }

  /** Returns the ports and groups in use, for the next manager. */
  known(): Pick<LastKnown, "ports" | "groups"> {
    const { byLid, groups } = this.#all();
    return {
      ports: [...byLid.values()]
        .map(({ lid, guid, pkeys }) => ({ lid, guid, pkeys })),
      groups: [...groups].map(([mlid, group]) => ({ mlid, ...group })),
    };
  }

  /** Returns the current tables, completed by the old ones. */
  #all(): Tables {
    const all = new Tables();
    all.complete(this.#now);
    if (this.#before) all.complete(this.#before);
    return all;
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
