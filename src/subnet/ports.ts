/**
 * The subnet's ports: who has which LID and GUID.
 *
 * LIDs are assigned in ascending order from 2. A GUID that returns gets its previous LID, as from OpenSM. A freed LID goes
 * to another GUID only after all other LIDs have been used, so that late packets and stale caches reach no wrong port. A
 * manager that takes over from a dead one reserves the LIDs and GUIDs of the ports it knew for a while, so that a new port
 * cannot take what a known port brings back.
 */

import type { Millis } from "../base/units.ts";
import { gidFrom } from "../wire/gid.ts";

/** LID of the subnet manager: it sits on port 0 of the embedded switch. */
export const SM_LID = 1;
/** The first LID of a port. */
export const FIRST_LID = 2;
/** The last unicast LID. */
export const LAST_LID = 0xbfff;
/** How long a new manager keeps LIDs and GUIDs for the ports that it expects back. */
export const RESERVATION_MS = 10_000;

/** Where a path begins or ends: a port, or the manager itself. */
export interface EndPoint {
  readonly guid: bigint;
  /** Subnet prefix and GUID. */
  readonly gid: Uint8Array;
  readonly lid: number;
  /** P_Key table. */
  readonly pkeys: readonly number[];
}

/** A registered port. */
export interface SubnetPort extends EndPoint {
  /** The connection that it registered on. */
  readonly connection: number;
  readonly name: string;
  readonly pid: number;
  /** False while the port is down: it keeps its LID, but nobody reaches it. */
  readonly active: boolean;
  /** True if its P_Key table was set and does not follow the partitions. */
  readonly ownPkeys: boolean;
  /** The secret of links to it (link_token.ts). */
  readonly secret: string;
}

interface OwnPort extends SubnetPort {
  lid: number;
  pkeys: readonly number[];
  active: boolean;
  ownPkeys: boolean;
}

/** The order in which OpenSM keeps ports on a little-endian machine: by the last byte of the GUID first. */
export function inOpensmOrder(a: EndPoint, b: EndPoint): number {
  const [x, y] = [swapped(a.guid), swapped(b.guid)];
  return x < y ? -1 : x > y ? 1 : 0;
}

function swapped(guid: bigint): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, guid);
  return view.getBigUint64(0, true);
}

/** What a port asks for. */
export interface PortRequest {
  connection: number;
  guid: bigint;
  name: string;
  pid: number;
  pkeys: readonly number[];
  secret: string;
  /** The LID that it had before. */
  lid?: number;
}

export class PortTable {
  readonly #byConnection = new Map<number, OwnPort>();
  readonly #byLid = new Map<number, OwnPort>();
  readonly #byGuid = new Map<bigint, OwnPort>();
  readonly #reservedLids = new Map<number, bigint>();
  #reservedUntil: Millis = -Infinity;
  #nextLid: number = FIRST_LID;
  /** Free LIDs that were used or passed over, oldest first, each with the GUID that had it last. */
  readonly #freed = new Map<number, bigint | undefined>();
  readonly #prefix: bigint;
  readonly #lives: (guid: bigint) => boolean;

  /** @param lives false for a port that is expected back and whose process is known to be dead */
  constructor(prefix: bigint, lives: (guid: bigint) => boolean = () => true) {
    this.#prefix = prefix;
    this.#lives = lives;
  }

  /** Keeps these LIDs and GUIDs for their owners. */
  reserve(
    ports: Iterable<{ lid: number; guid: bigint }>,
    until: Millis,
  ): void {
    for (const { lid, guid } of ports) this.#reservedLids.set(lid, guid);
    this.#reservedUntil = until;
  }

  get size(): number {
    return this.#byConnection.size;
  }

  [Symbol.iterator](): IterableIterator<SubnetPort> {
    return this.#byConnection.values();
  }

  byConnection(connection: number): SubnetPort | undefined {
    return this.#byConnection.get(connection);
  }

  byLid(lid: number): SubnetPort | undefined {
    return this.#byLid.get(lid);
  }

  byGuid(guid: bigint): SubnetPort | undefined {
    return this.#byGuid.get(guid);
  }

  /**
   * True if a GUID may be given to a port: nobody alive has it, and it is not kept for one that is expected
   * back. `returning` says that the port asking is such a one.
   */
  guidIsFree(guid: bigint, returning: boolean, now: Millis): boolean {
    if (this.#byGuid.has(guid)) return false;
    if (returning || now >= this.#reservedUntil) return true;
    return ![...this.#reservedLids.values()].includes(guid) ||
      !this.#lives(guid);
  }

  /** Registers a port whose GUID is free; undefined if no LID is left. */
  add(request: PortRequest, now: Millis): SubnetPort | undefined {
    const lid = this.#allocateLid(request, now);
    if (lid === undefined) return undefined;
    this.#freed.delete(lid);
    this.#reservedLids.delete(lid);
    const port: OwnPort = {
      connection: request.connection,
      guid: request.guid,
      gid: gidFrom(this.#prefix, request.guid),
      lid,
      name: request.name,
      pid: request.pid,
      pkeys: request.pkeys,
      active: true,
      ownPkeys: false,
      secret: request.secret,
    };
    this.#byConnection.set(port.connection, port);
    this.#byLid.set(lid, port);
    this.#byGuid.set(port.guid, port);
    return port;
  }

  /** Forgets the port of a connection and returns it. */
  remove(connection: number): SubnetPort | undefined {
    const port = this.#byConnection.get(connection);
    if (port === undefined) return undefined;
    this.#byConnection.delete(connection);
    this.#byLid.delete(port.lid);
    this.#byGuid.delete(port.guid);
    this.#freed.set(port.lid, port.guid);
    return port;
  }

  /** Takes a port down or up; false if it was so. */
  setActive(port: SubnetPort, active: boolean): boolean {
    const own = this.#byConnection.get(port.connection)!;
    if (own.active === active) return false;
    own.active = active;
    return true;
  }

  /** Gives a port another P_Key table; `own` if it does not follow the partitions any more. */
  setPkeys(port: SubnetPort, pkeys: readonly number[], own: boolean): void {
    Object.assign(this.#byConnection.get(port.connection)!, {
      pkeys,
      ownPkeys: own,
    });
  }

  /** Gives a port another LID: the one asked for if it is free, or the next; returns the old one, undefined if none is left. */
  move(
    port: SubnetPort,
    lid: number | undefined,
    now: Millis,
  ): number | undefined {
    const own = this.#byConnection.get(port.connection)!;
    const { guid } = port;
    const next = this.#allocateLid(
      lid === undefined ? { guid } : { guid, lid },
      now,
    );
    if (next === undefined) return undefined;
    const old = own.lid;
    this.#freed.delete(next);
    this.#reservedLids.delete(next);
    this.#byLid.delete(old);
    this.#freed.set(old, undefined);
    this.#byLid.set(next, own);
    own.lid = next;
    return old;
  }

  /** True if a port may be given this LID. */
  lidIsFree(lid: number, guid: bigint): boolean {
    return lid >= FIRST_LID && lid <= LAST_LID && this.#lidIsFree(lid, guid);
  }

  #allocateLid(
    request: Pick<PortRequest, "guid" | "lid">,
    now: Millis,
  ): number | undefined {
    if (now >= this.#reservedUntil) {
      for (const [lid, guid] of this.#reservedLids) this.#freed.set(lid, guid);
      this.#reservedLids.clear();
    }
    const asked = request.lid;
    if (asked !== undefined && asked >= FIRST_LID && asked <= LAST_LID) {
      if (this.#lidIsFree(asked, request.guid)) return asked;
    }
    const previous = this.#previousLid(request.guid);
    if (previous !== undefined) return previous;
    while (this.#nextLid <= LAST_LID) {
      const lid = this.#nextLid++;
      if (this.#lidIsFree(lid, request.guid) && !this.#freed.has(lid)) {
        return lid;
      }
      if (!this.#byLid.has(lid) && !this.#freed.has(lid)) {
        this.#freed.set(lid, undefined);
      }
    }
    for (const lid of this.#freed.keys()) {
      if (this.#lidIsFree(lid, request.guid)) return lid;
    }
    return undefined;
  }

  /** The free LID that this GUID had last. */
  #previousLid(guid: bigint): number | undefined {
    let previous: number | undefined;
    for (const [lid, owner] of this.#freed) if (owner === guid) previous = lid;
    return previous;
  }

  #lidIsFree(lid: number, guid: bigint): boolean {
    const owner = this.#reservedLids.get(lid);
    return !this.#byLid.has(lid) && (owner === undefined || owner === guid);
  }
}
