/**
 * What the switches would know: which port is behind a LID, which ports are behind a multicast LID.
 *
 * The subnet manager sends it whole with the welcome and then what changes; a port keeps it when the manager
 * dies, so that traffic goes on.
 */

import type { FabricMap, FabricUpdate } from "../../subnet/messages.ts";

const NOBODY = new Int32Array(0);

export class Fabric {
  readonly #guids = new Map<number, string>();
  readonly #lids = new Map<string, number>();
  readonly #members = new Map<number, Int32Array>();

  /** Takes the whole map. */
  replace(map: FabricMap): void {
    this.#guids.clear();
    this.#lids.clear();
    this.#members.clear();
    this.update({
      type: "fabric",
      portsAdded: map.ports,
      groupsChanged: map.groups,
    });
  }

  /** Takes what has changed: removals first. */
  update(update: FabricUpdate): void {
    for (const lid of update.portsRemoved ?? []) {
      const guid = this.#guids.get(lid);
      this.#guids.delete(lid);
      if (guid !== undefined) this.#lids.delete(guid);
    }
    for (const { lid, guid } of update.portsAdded ?? []) {
      this.#guids.set(lid, guid);
      this.#lids.set(guid, lid);
    }
    for (const mlid of update.groupsRemoved ?? []) this.#members.delete(mlid);
    for (const { mlid, lids } of update.groupsChanged ?? []) {
      this.#members.set(mlid, Int32Array.from(lids));
    }
  }

  /** The GUID behind a LID. */
  guid(lid: number): string | undefined {
    return this.#guids.get(lid);
  }

  /** The LID of a GUID; 0 if the port is not known. */
  lid(guid: string): number {
    return this.#lids.get(guid) ?? 0;
  }

  /** The LIDs of the ports that receive packets to a multicast LID. */
  members(mlid: number): Int32Array {
    return this.#members.get(mlid) ?? NOBODY;
  }
}
