/** The connections of a port by communication ID and by remote queue pair. */

import { MAX_TIMEWAIT } from "./parameters.ts";

/** The fields of a connection by which the table finds it. */
export interface Entry {
  readonly localId: number;
  /** Undefined while the remote end is unknown. */
  readonly remoteId: number | undefined;
  readonly remoteQpn: number;
  readonly remoteCaGuid: bigint;
}

export class ConnectionTable<T extends Entry> {
  readonly #byLocalId = new Map<number, T>();
  /** Passive connections by the CA GUID and the communication ID of the remote end. */
  readonly #byRemoteId = new Map<string, T>();
  readonly #byRemoteQpn = new Map<string, T>();
  /** Ended connections, the oldest first. */
  readonly #ended = new Set<T>();
  readonly #random: () => number;
  readonly #evict: (oldest: T) => void;

  /**
   * @param random returns 32 random bits
   * @param evict ends an ended connection that exceeds the limit; must call `remove`
   */
  constructor(random: () => number, evict: (oldest: T) => void) {
    this.#random = random;
    this.#evict = evict;
  }

  /** Returns an unused communication ID: random, so that others cannot guess it, and never 0. */
  newId(): number {
    for (;;) {
      const id = this.#random() >>> 0;
      if (id !== 0 && !this.#byLocalId.has(id)) return id;
    }
  }

  add(entry: T): void {
    this.#byLocalId.set(entry.localId, entry);
  }

  /** Adds a connection that a REQ of the remote end has requested. */
  addRequested(entry: T): void {
    this.add(entry);
    this.#byRemoteId.set(remoteKey(entry.remoteCaGuid, entry.remoteId!), entry);
  }

  /** Notes that the connection uses its remote queue pair. */
  claimQpn(entry: T): void {
    this.#byRemoteQpn.set(
      remoteKey(entry.remoteCaGuid, entry.remoteQpn),
      entry,
    );
  }

  /**
   * Notes that the connection no longer uses its remote queue pair. In contrast to the communication ID, a new connection
   * may use it at once: it has another local queue pair, so that late packets of the old one do not reach it.
   */
  releaseQpn(entry: T): void {
    const key = remoteKey(entry.remoteCaGuid, entry.remoteQpn);
    if (this.#byRemoteQpn.get(key) === entry) this.#byRemoteQpn.delete(key);
  }

  /** Notes that the connection has ended and is only remembered. Evicts the oldest one beyond the limit. */
  keepEnded(entry: T): void {
    this.#ended.add(entry);
    if (this.#ended.size <= MAX_TIMEWAIT) return;
    for (const oldest of this.#ended) return this.#evict(oldest);
  }

  /** Notes that a connection that had ended sends a DREQ again. */
  revive(entry: T): void {
    this.#ended.delete(entry);
  }

  remove(entry: T): void {
    this.#byLocalId.delete(entry.localId);
    this.#ended.delete(entry);
    this.releaseQpn(entry);
    if (entry.remoteId === undefined) return;
    const key = remoteKey(entry.remoteCaGuid, entry.remoteId);
    if (this.#byRemoteId.get(key) === entry) this.#byRemoteId.delete(key);
  }

  byLocalId(id: number): T | undefined {
    return this.#byLocalId.get(id);
  }

  /** Returns the passive connection that a REQ of this CA with this communication ID has requested. */
  byRemoteId(caGuid: bigint, id: number): T | undefined {
    return this.#byRemoteId.get(remoteKey(caGuid, id));
  }

  byRemoteQpn(caGuid: bigint, qpn: number): T | undefined {
    return this.#byRemoteQpn.get(remoteKey(caGuid, qpn));
  }

  /** All connections, ended ones included. */
  all(): T[] {
    return [...this.#byLocalId.values()];
  }

  /** Number of connections that have not ended. */
  get live(): number {
    return this.#byLocalId.size - this.#ended.size;
  }

  /** Number of connections that have ended and are remembered. */
  get ended(): number {
    return this.#ended.size;
  }
}

function remoteKey(caGuid: bigint, id: number): string {
  return `${caGuid}:${id}`;
}
