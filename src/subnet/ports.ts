/**
 * The ports of a subnet, with their LIDs and GUIDs.
 *
 * LIDs are assigned in ascending order from 2. A GUID that registers again gets its previous LID if it is free, as in
 * OpenSM. A freed LID is assigned to another GUID only after all other LIDs have been used, so that late packets and
 * stale caches do not reach the wrong port. After a takeover, the manager reserves the LIDs and GUIDs of the previous
 * manager's ports for {@linkcode RESERVATION_MS}, so that no new port gets them before those ports register again.
 */

import { formatGuid } from "../base/hex.ts";
import type { Millis } from "../base/units.ts";
import { gidFrom } from "../wire/gid.ts";

/** LID of the subnet manager, which is at port 0 of the embedded switch. */
export const SM_LID = 1;
/** The first LID of ports. */
export const FIRST_LID = 2;
/** The last LID of ports: the last unicast LID. */
export const LAST_LID = 0xbfff;
/** Time for which a new manager reserves the LIDs and GUIDs of the previous manager's ports. */
export const RESERVATION_MS = 10_000;

/** An end of a path: a port, or the manager. */
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
  /** The connection on which the port registered. */
  readonly connection: number;
  readonly name: string;
  /** 0 if it is not known. */
  readonly pid: number;
  /** False while the port is down. The port keeps its LID, but no port can reach it. */
  readonly active: boolean;
  /** True if the P_Key table was set by an operation and is independent of the partitions. */
  readonly ownPkeys: boolean;
  /** The secret of links to the port (link_token.ts). */
  readonly secret: string;
}

interface OwnPort extends SubnetPort {
  lid: number;
  pkeys: readonly number[];
  active: boolean;
  ownPkeys: boolean;
}

/** Describes a port by its GUID and the name of its interface. */
export function portText(
  { guid, name }: { readonly guid: bigint | string; readonly name: string },
): string {
  return `port ${typeof guid === "bigint" ? formatGuid(guid) : guid} (${name})`;
}

/** Compares ports for OpenSM's order on a little-endian machine: by the bytes of the GUID, the last byte first. */
export function inOpensmOrder(a: EndPoint, b: EndPoint): number {
  const [x, y] = [swapped(a.guid), swapped(b.guid)];
  return x < y ? -1 : x > y ? 1 : 0;
}

function swapped(guid: bigint): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, guid);
  return view.getBigUint64(0, true);
}

/** The attributes of a port that registers. */
export interface PortRequest {
  connection: number;
  guid: bigint;
  name: string;
  pid: number;
  pkeys: readonly number[];
  secret: string;
  /** The LID that the port had under the previous manager. */
  lid?: number;
}

/** The registered ports, and the reserved and freed LIDs. */
export class PortTable {
  readonly #byConnection = new Map<number, OwnPort>();
  readonly #byLid = new Map<number, OwnPort>();
  readonly #byGuid = new Map<bigint, OwnPort>();
  readonly #reservedLids = new Map<number, bigint>();
  #reservedUntil: Millis = -Infinity;
  #nextLid: number = FIRST_LID;
  /** Free LIDs that were assigned, reserved or skipped before, oldest first, each with the GUID that had it last. */
  readonly #freed = new Map<number, bigint | undefined>();
  readonly #prefix: bigint;
  readonly #lives: (guid: bigint) => boolean;

  /** @param lives returns false if the process of a port with a reserved GUID is known to be dead */
  constructor(prefix: bigint, lives: (guid: bigint) => boolean = () => true) {
    this.#prefix = prefix;
    this.#lives = lives;
  }

  /** Reserves LIDs and GUIDs for their ports. */
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
   * True if a GUID can be assigned: no port has it, and it is not reserved for a port whose process may be alive.
   *
   * @param returning the requesting port was registered with the previous manager, so that reservations do not apply
   */
  guidIsFree(guid: bigint, returning: boolean, now: Millis): boolean {
    if (this.#byGuid.has(guid)) return false;
    if (returning || now >= this.#reservedUntil) return true;
    return ![...this.#reservedLids.values()].includes(guid) ||
      !this.#lives(guid);
  }

  /** Registers a port whose GUID is free. Returns undefined if no LID is free. */
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

  /** Removes the port of a connection and returns it. */
  remove(connection: number): SubnetPort | undefined {
    const port = this.#byConnection.get(connection);
    if (port === undefined) return undefined;
    this.#byConnection.delete(connection);
    this.#byLid.delete(port.lid);
    this.#byGuid.delete(port.guid);
    this.#freed.set(port.lid, port.guid);
    return port;
  }

  /** Sets the state of a port. Returns false if the port has that state already. */
  setActive(port: SubnetPort, active: boolean): boolean {
    const own = this.#byConnection.get(port.connection)!;
    if (own.active === active) return false;
    own.active = active;
    return true;
  }

  /** Sets the P_Key table of a port. `own`: the table is independent of the partitions. */
  setPkeys(port: SubnetPort, pkeys: readonly number[], own: boolean): void {
    Object.assign(this.#byConnection.get(port.connection)!, {
      pkeys,
      ownPkeys: own,
    });
  }

  /**
   * Changes the LID of a port, to `lid` if that is free, otherwise to the next free LID. Returns the old LID, or
   * undefined if no LID is free.
   */
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

  /** True if the LID can be assigned to the port with this GUID. */
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

  /** Returns the LID that this GUID had last, if it is free. */
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
