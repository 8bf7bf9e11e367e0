/**
 * Paths to GIDs, queried from the subnet administrator and cached.
 *
 * Entries are keyed by GID and do not expire (as in Linux ipoib_main.c). A flush removes all entries; a full table
 * evicts failed and least recently used ones. A path in use may become doubtful: it is queried again and stays in use
 * meanwhile (path_renewals.ts).
 *
 * The numbers of paths and of paths with waiters are limited, so that packets to forged addresses neither evict paths
 * in use nor overload the administrator. Only flushes and evictions iterate over all paths.
 */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { hex } from "../base/hex.ts";
import { formatRate } from "../base/rates.ts";
import { formatMtuCode, type Millis } from "../base/units.ts";
import type { AddressHandle } from "../hca/address_handle.ts";
import { pathAttributes } from "../hca/path_attributes.ts";
import type { SaFailure } from "../sa/result.ts";
import { formatGid, gidKey, gidPrefix } from "../wire/gid.ts";
import type { PathRecord } from "../wire/sa/path_record.ts";
import { EVICTED_SHARE, MAX_PENDING_PATHS } from "./constants.ts";
import type { EngineContext } from "./context.ts";
import type { DebugLog } from "./debug_log.ts";
import type { InterfaceEvents } from "./interface_events.ts";
import type { LinkIdentity } from "./link_identity.ts";
import type { MulticastTable } from "./multicast/multicast_table.ts";
import { PathEvents } from "./path_events.ts";
import { PathRenewals } from "./path_renewals.ts";
import type { Statistics } from "./statistics.ts";
import type { TableLimits } from "./table_limits.ts";

type PathState = "idle" | "asking" | "complete" | "doubtful";

/** Called with a usable path, or with undefined after a failure. */
export type PathWaiter = (path: Path | undefined) => void;

/** The path to one GID. */
export class Path {
  readonly gid: Uint8Array;
  state: PathState = "idle";
  record: PathRecord | undefined;
  /** Address handle; undefined unless packets can be sent on the path. */
  ah: AddressHandle | undefined;
  /** Errno of the last query if it failed. */
  failure: number | undefined;
  /** True if it failed because the device has refused to send it. */
  unsent = false;
  /** Time of the last query that was sent while the path was in use. */
  renewedAt: Millis = -Infinity;
  /** Time of the next automatic query; Infinity for none. */
  retryAt: Millis = Infinity;
  /** Consecutive queries that failed or returned the old LID. */
  retries = 0;
  /** Source LID of the peer's last address resolution packet if it differs from the path's DLID; else 0. */
  observedLid = 0;
  readonly waiters: PathWaiter[] = [];

  constructor(gid: Uint8Array) {
    this.gid = gid.slice();
  }
}

/** The paths of one interface. */
export class PathTable {
  /** The queries of paths in use. */
  readonly renewals: PathRenewals;
  readonly #context: EngineContext;
  readonly #identity: LinkIdentity;
  readonly #groups: MulticastTable;
  readonly #paths = new Map<string, Path>();
  readonly #statistics: Statistics;
  readonly #debug: DebugLog;
  readonly #events: PathEvents;
  readonly #limits: TableLimits;
  /** Paths with waiters. */
  readonly #awaited = new Set<Path>();
  /** Called when the address handle of a path is replaced or removed, before the old one is destroyed. */
  onChange: (path: Path) => void = () => {};
  /** Called when a query has returned a path. */
  onComplete: (path: Path) => void = () => {};
  /** Called when a query has failed, with the MAD status of the response, or 0. */
  onFailure: (path: Path, status: number) => void = () => {};
  /** Called when a path is queried again because the peer moved: packets sent on the old path are lost. */
  onPeerMoved: (path: Path) => void = () => {};
  /** Returns the time of the last IP packet on a path; 0 for never. Set by the owner of the peers. */
  usedAt: (path: Path) => Millis = () => 0;

  constructor(
    context: EngineContext,
    identity: LinkIdentity,
    groups: MulticastTable,
    statistics: Statistics,
    debug: DebugLog,
    events: InterfaceEvents,
    limits: TableLimits,
  ) {
    this.#debug = debug;
    this.#events = new PathEvents(events);
    this.#limits = limits;
    this.#context = context;
    this.#statistics = statistics;
    this.#identity = identity;
    this.#groups = groups;
    this.renewals = new PathRenewals({
      ...{ reactor: context.reactor, debug },
      usedAt: (path) => this.usedAt(path),
      query: (path, now) => this.#query(path, now),
    });
  }

  /**
   * Calls `waiter` with the path to `gid`: immediately if the path is usable, else when its query ends. A path whose
   * peer has moved is not usable while its query is pending. Calls `waiter` with undefined if MAX_PENDING_PATHS paths
   * have waiters.
   */
  request(gid: Uint8Array, now: Millis, waiter: PathWaiter): void {
    const key = gidKey(gid);
    let path = this.#paths.get(key);
    if (!path) {
      const { size } = this.#paths;
      const limit = this.#limits.forNew("paths", size);
      if (size >= limit) this.#evict(limit);
      this.#paths.set(key, path = new Path(gid));
    }
    if (path.ah) {
      if (path.state === "doubtful") this.doubt(path, now);
      if (path.observedLid === 0 || path.state !== "asking") waiter(path);
      else this.#await(path, waiter);
      return;
    }
    if (path.state === "asking") this.#await(path, waiter);
    else if (this.#awaited.size >= MAX_PENDING_PATHS) {
      this.#statistics.tables.add("paths_not_asked");
      this.#debug.decision(() =>
        `Path to ${
          formatGid(gid)
        } is not queried: ${MAX_PENDING_PATHS} others are pending`
      );
      waiter(undefined);
    } else {
      this.#await(path, waiter);
      this.#query(path, now);
    }
  }

  /**
   * Compares the source LID of a packet from `gid` with the path to `gid` and queries the path again if they differ.
   * Ignores packets from other subnets, which have the LID of a router, and LID 0 (RoCE).
   */
  checkSourceLid(gid: Uint8Array, sourceLid: number, now: Millis): void {
    const path = this.#paths.get(gidKey(gid));
    if (!path?.ah || sourceLid === 0) return;
    if (gidPrefix(gid) !== gidPrefix(this.#identity.gid)) return;
    const known = path.observedLid;
    path.observedLid = this.#leadsTo(path, sourceLid) ? 0 : sourceLid;
    if (path.observedLid === 0) return;
    if (path.observedLid !== known) {
      this.#debug.decision(() =>
        `Packets from ${formatGid(gid)} come from LID ${
          hex(sourceLid)
        }, but the path leads to LID ${
          hex(path.record?.dlid ?? 0)
        }: it is queried again`
      );
    }
    // The backoff is that of queries for the old LID.
    if (path.observedLid !== known) path.retries = 0;
    this.doubt(path, now);
    if (path.state === "asking") this.onPeerMoved(path);
  }

  /** Queries a path in use again, now or when its backoff ends, and keeps using it meanwhile. */
  doubt(path: Path, now: Millis): void {
    this.renewals.doubt(path, now);
  }

  /** Invalidates a path on which a packet could not be sent. The next packet queries it again. */
  invalidate(path: Path): void {
    if (path.state === "asking" && !path.ah) return;
    if (path.ah) this.#events.lost(path);
    this.#dropHandle(path);
    path.state = "idle";
    this.renewals.cancel(path);
  }

  /** Queries every path in use again and keeps using it meanwhile (light flush). */
  doubtAll(now: Millis): void {
    this.renewals.doubtAll(this.entries(), now);
  }

  /** Removes all paths and calls their waiters with undefined (normal flush). */
  flush(): void {
    const paths = [...this.#paths.values()];
    this.renewals.clear();
    this.#paths.clear();
    for (const path of paths) {
      this.#dropHandle(path);
      this.#notify(path, undefined);
    }
  }

  entries(): Path[] {
    return [...this.#paths.values()];
  }

  #await(path: Path, waiter: PathWaiter): void {
    path.waiters.push(waiter);
    this.#awaited.add(path);
  }

  #query(path: Path, now: Millis): void {
    path.state = "asking";
    if (path.ah) path.renewedAt = now;
    this.renewals.cancel(path);
    this.#statistics.tables.add("paths_queried");
    this.#debug.general(() =>
      `Start path record lookup for ${formatGid(path.gid)}`
    );
    const request = {
      sgid: this.#identity.gid,
      dgid: path.gid,
      pkey: this.#identity.pkey,
      tclass: this.#groups.broadcast?.record?.tclass ?? 0,
    };
    this.#context.sa.queryPath(request, now, (answer) => {
      if (this.#paths.get(gidKey(path.gid)) !== path) return;
      this.#debug.general(() =>
        `PathRec ${
          answer.ok
            ? `LID ${hex(answer.record.dlid)}`
            : `status -${answer.errno}`
        } for GID ${formatGid(path.gid)}`
      );
      if (answer.ok) this.#complete(path, answer.record);
      else {
        this.onFailure(path, answer.status);
        this.#fail(path, answer);
      }
      this.renewals.end(path);
    });
  }

  /**
   * Evicts paths without waiters from a full table: failed ones first, then the least recently used. A peer that lost
   * its path requests it again.
   */
  #evict(limit: number): void {
    const excess = this.#paths.size - limit;
    const order = this.entries()
      .filter(({ waiters }) => waiters.length === 0)
      .map((path) => ({
        path,
        usedAt: this.usedAt(path),
        usable: path.ah ? 1 : 0,
      }))
      .sort((a, b) => a.usable - b.usable || a.usedAt - b.usedAt);
    const evicted = order.slice(0, excess + limit * EVICTED_SHARE);
    for (const { path } of evicted) {
      this.#paths.delete(gidKey(path.gid));
      this.renewals.cancel(path);
      this.#dropHandle(path);
      this.renewals.end(path);
    }
    this.#statistics.tables.add("paths_evicted", evicted.length);
    if (evicted.length > 0) this.#events.evicted(evicted.length);
    this.#debug.decision(() =>
      `${evicted.length} paths are removed, because the table has the maximum of ${limit}`
    );
  }

  #complete(path: Path, record: PathRecord): void {
    let ah: AddressHandle;
    try {
      const { port } = this.#context;
      const attributes = pathAttributes(record, port.attributes);
      ah = port.createAddressHandle(attributes);
    } catch (error) {
      const { message, errno = Errno.EINVAL } = IpoibError.from(error);
      this.#debug.decision(() =>
        `Path to ${formatGid(path.gid)} cannot be used: ${message}`
      );
      this.#fail(path, { status: 0, errno });
      return;
    }
    this.#statistics.tables.add("paths_found");
    this.#debug.decision(() =>
      `Path to ${formatGid(path.gid)} is found: LID ${
        hex(record.dlid)
      }, SL ${record.sl}, MTU ${formatMtuCode(record.mtu)}, rate ${
        formatRate(record.rate)
      }`
    );
    const old = path.ah;
    this.#events.found(path, record);
    path.failure = undefined;
    // The record has the GID that was asked for, which the REQ of a connection contains, even if the administrator has
    // answered with another GID of the port (Linux path_rec_completion).
    path.record = { ...record, dgid: path.gid };
    path.state = "complete";
    path.ah = ah;
    if (this.#leadsTo(path, path.observedLid)) path.observedLid = 0;
    if (path.observedLid === 0) path.retries = 0;
    else this.renewals.retry(path);
    this.onChange(path);
    this.onComplete(path);
    old?.destroy();
    this.#notify(path, path);
  }

  #fail(path: Path, failure: SaFailure): void {
    const { errno, unsent = false } = failure;
    if (errno !== path.failure) this.#events.failed(path, failure);
    path.failure = errno;
    path.unsent = unsent;
    // A path in use stays in use: a new subnet manager may not have discovered the peer's port yet.
    path.state = path.ah ? "doubtful" : "idle";
    if (path.ah) this.renewals.retry(path);
    this.#notify(path, path.ah ? path : undefined);
  }

  /** Returns true if the path ends at the port with this LID, ignoring the LMC path bits (IBTA vol. 1 4.1.3). */
  #leadsTo({ record }: Path, lid: number): boolean {
    return record !== undefined &&
      (record.dlid ^ lid) >> this.#context.port.attributes.lmc === 0;
  }

  close(): void {
    this.renewals.close();
  }

  #dropHandle(path: Path): void {
    const { ah } = path;
    if (!ah) return;
    path.ah = undefined;
    this.onChange(path);
    ah.destroy();
  }

  #notify(path: Path, result: Path | undefined): void {
    this.#awaited.delete(path);
    for (const waiter of path.waiters.splice(0)) waiter(result);
  }
}
