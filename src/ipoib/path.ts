/**
 * Paths: how the subnet administrator says that a GID is reached, asked for once and kept.
 *
 * Keyed by GID, without expiry, dropped by a flush (Linux ipoib_main.c path_rec_* behaviour). A path may become
 * *doubtful*: it is used on while a new answer is fetched. That happens
 *
 * - after a light flush (client reregister), so that a change of the subnet manager costs established neighbours no packet;
 * - when the other port is heard from a LID that the path does not lead to: nobody else tells us that it moved;
 * - when the other port does not answer a neighbour's probe.
 *
 * The number of paths is bounded, and so is the number of those that are being asked for: packets with invented
 * addresses neither displace a path in use nor keep the administrator busy. No event costs time in proportion to the number
 * of paths, but a full table that makes room, and a light flush.
 *
 * A doubtful path is asked for at most once a second; if the answer is no better it is asked for again with the joins'
 * pauses, a few times.
 */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import type { Millis } from "../base/units.ts";
import type { AddressHandle, AddressHandleAttributes } from "../hca/hca.ts";
import type { Timer } from "../system/reactor.ts";
import { gidKey, gidPrefix } from "../wire/gid.ts";
import type { PathRecord } from "../wire/sa/path_record.ts";
import {
  EVICTED_SHARE,
  MAX_BACKOFF_MS,
  MAX_PATH_RETRIES,
  MAX_PATHS,
  MAX_PATHS_ASKED,
  PATH_INTERVAL_MS,
} from "./constants.ts";
import type { EngineContext } from "./context.ts";
import type { LinkIdentity } from "./link_identity.ts";
import type { MulticastTable } from "./multicast/multicast_table.ts";
import type { Peer } from "./peer.ts";
import type { Statistics } from "./statistics.ts";

type PathState = "idle" | "asking" | "complete" | "doubtful";

/** Called when a path is complete, or with undefined when it could not be had. */
export type PathWaiter = (path: Path | undefined) => void;

/** One path. */
export class Path {
  readonly gid: Uint8Array;
  state: PathState = "idle";
  record: PathRecord | undefined;
  /** Present while packets can be sent on the path. */
  ah: AddressHandle | undefined;
  /** Errno of the last query if it failed. */
  failure: number | undefined;
  /** When the administrator was asked last while the path was in use. */
  renewedAt: Millis = -Infinity;
  /** When it will be asked again by itself. */
  retryAt: Millis = Infinity;
  /** Answers in a row that were none, or no better than what there was. */
  retries = 0;
  /** The LID that the other port sends from, if that is not where the path leads; else 0. */
  strayLid = 0;
  readonly waiters: PathWaiter[] = [];
  /** Peers whose packets are sent on it. */
  readonly peers = new Set<Peer>();

  constructor(gid: Uint8Array) {
    this.gid = gid.slice();
  }

  /** When an IP packet was last sent on it; 0 for never. */
  get usedAt(): Millis {
    let latest = 0;
    for (const { usedAt } of this.peers) latest = Math.max(latest, usedAt);
    return latest;
  }
}

/** The paths of one interface. */
export class PathTable {
  readonly #context: EngineContext;
  readonly #identity: LinkIdentity;
  readonly #groups: MulticastTable;
  readonly #paths = new Map<string, Path>();
  readonly #statistics: Statistics;
  /** Paths that somebody waits for. */
  readonly #awaited = new Set<Path>();
  /** Paths that will be asked for again by themselves. */
  readonly #retrying = new Set<Path>();
  /** When the timer is set to; Infinity for not at all. */
  #due: Millis = Infinity;
  readonly #timer: Timer;
  /** Called when a path's handle changed or went. */
  onChange: (path: Path) => void = () => {};
  /** Called when a path is asked for anew because its port was heard from elsewhere: what is sent on it is lost. */
  onStray: (path: Path) => void = () => {};

  constructor(
    context: EngineContext,
    identity: LinkIdentity,
    groups: MulticastTable,
    statistics: Statistics,
  ) {
    this.#context = context;
    this.#statistics = statistics;
    this.#identity = identity;
    this.#groups = groups;
    this.#timer = context.reactor.timer((now) => this.tick(now));
  }

  /**
   * Calls `waiter` with the path to `gid`: now if it is known, else when the administrator has answered. A path that is
   * known to lead elsewhere is waited for too. Where too many are being asked for, the path cannot be had.
   */
  request(gid: Uint8Array, now: Millis, waiter: PathWaiter): void {
    const key = gidKey(gid);
    let path = this.#paths.get(key);
    if (!path) {
      if (this.#paths.size >= MAX_PATHS) this.#makeRoom();
      this.#paths.set(key, path = new Path(gid));
    }
    if (path.ah) {
      if (path.state === "doubtful") this.doubt(path, now);
      if (path.strayLid === 0 || path.state !== "asking") waiter(path);
      else this.#await(path, waiter);
      return;
    }
    if (path.state === "asking") this.#await(path, waiter);
    else if (this.#awaited.size >= MAX_PATHS_ASKED) {
      this.#statistics.tables.add("paths_not_asked");
      waiter(undefined);
    } else {
      this.#await(path, waiter);
      this.#ask(path, now);
    }
  }

  /**
   * A packet from the port with this GID arrived, and this LID sent it. If the path to it leads to another one, it is asked
   * for anew. A packet of another subnet has a router's LID and says nothing, nor does LID 0 (RoCE).
   */
  heard(gid: Uint8Array, sourceLid: number, now: Millis): void {
    const path = this.#paths.get(gidKey(gid));
    if (!path?.ah || sourceLid === 0) return;
    if (gidPrefix(gid) !== gidPrefix(this.#identity.gid)) return;
    const known = path.strayLid;
    path.strayLid = this.#leadsTo(path, sourceLid) ? 0 : sourceLid;
    if (path.strayLid === 0) return;
    // The pauses grew with questions about a port that was away, or elsewhere.
    if (path.strayLid !== known) path.retries = 0;
    this.doubt(path, now);
    if (path.state === "asking") this.onStray(path);
  }

  /** The path may be wrong: it is asked for again, but not too often, and used meanwhile. */
  doubt(path: Path, now: Millis): void {
    if (path.state !== "complete" && path.state !== "doubtful") return;
    path.state = "doubtful";
    const due = path.renewedAt + pauseAfter(path.retries);
    if (due <= now) this.#ask(path, now);
    else {
      this.#retryAt(path, Math.min(path.retryAt, due));
    }
  }

  /** A packet could not be sent on it: the next one asks again. */
  invalidate(path: Path): void {
    if (path.state === "asking" && !path.ah) return;
    this.#dropHandle(path);
    path.state = "idle";
    this.#retryAt(path, Infinity);
  }

  /** Every path is to be asked for again, and used meanwhile (light flush). */
  doubtAll(now: Millis): void {
    for (const path of this.#paths.values()) {
      if (path.state !== "complete" && path.state !== "doubtful") continue;
      path.retries = 0;
      this.#ask(path, now);
    }
  }

  /** Runs what is due. */
  tick(now: Millis): void {
    for (const path of [...this.#retrying]) {
      if (path.retryAt <= now) this.#ask(path, now);
    }
    this.#reschedule();
  }

  /** Forgets everything; who waits is told so (normal flush). */
  flush(): void {
    const paths = [...this.#paths.values()];
    this.#paths.clear();
    this.#retrying.clear();
    this.#reschedule();
    for (const path of paths) {
      this.#dropHandle(path);
      this.#tell(path, undefined);
    }
  }

  entries(): Path[] {
    return [...this.#paths.values()];
  }

  #await(path: Path, waiter: PathWaiter): void {
    path.waiters.push(waiter);
    this.#awaited.add(path);
  }

  #ask(path: Path, now: Millis): void {
    path.state = "asking";
    if (path.ah) path.renewedAt = now;
    this.#retryAt(path, Infinity);
    const request = {
      sgid: this.#identity.gid,
      dgid: path.gid,
      pkey: this.#identity.pkey,
      tclass: this.#groups.broadcast?.record?.tclass ?? 0,
    };
    this.#context.sa.queryPath(request, now, (answer) => {
      if (this.#paths.get(gidKey(path.gid)) !== path) return;
      if (answer.ok) this.#complete(path, answer.record);
      else this.#fail(path, answer.errno);
    });
  }

  /**
   * The table is full: of the paths that nobody waits for, those that could not be had go first, then those that were used
   * longest ago. A peer that has lost its path asks again.
   */
  #makeRoom(): void {
    const order = this.entries()
      .filter(({ waiters }) => waiters.length === 0)
      .map((path) => ({ path, usedAt: path.usedAt, there: path.ah ? 1 : 0 }))
      .sort((a, b) => a.there - b.there || a.usedAt - b.usedAt);
    const evicted = order.slice(0, MAX_PATHS * EVICTED_SHARE);
    for (const { path } of evicted) {
      this.#paths.delete(gidKey(path.gid));
      this.#retrying.delete(path);
      this.#dropHandle(path);
    }
    this.#statistics.tables.add("paths_evicted", evicted.length);
  }

  #complete(path: Path, record: PathRecord): void {
    let ah: AddressHandle;
    try {
      ah = this.#context.port.createAddressHandle(handleAttributes(record));
    } catch (error) {
      this.#fail(path, IpoibError.from(error).errno ?? Errno.EINVAL);
      return;
    }
    const old = path.ah;
    path.failure = undefined;
    path.record = record;
    path.state = "complete";
    path.ah = ah;
    if (this.#leadsTo(path, path.strayLid)) path.strayLid = 0;
    if (path.strayLid === 0) path.retries = 0;
    else this.#retry(path);
    this.onChange(path);
    old?.destroy();
    this.#tell(path, path);
  }

  #fail(path: Path, errno: number): void {
    path.failure = errno;
    // A path in use goes on as it was: a new subnet manager may not know the other port yet.
    path.state = path.ah ? "doubtful" : "idle";
    if (path.ah) this.#retry(path);
    this.#tell(path, path.ah ? path : undefined);
  }

  /** The answer was none, or no better: the next question comes later each time. */
  #retry(path: Path): void {
    if (path.retries >= MAX_PATH_RETRIES) return;
    path.retries++;
    this.#retryAt(path, path.renewedAt + pauseAfter(path.retries));
  }

  #retryAt(path: Path, when: Millis): void {
    if (path.retryAt === when) return;
    path.retryAt = when;
    if (when === Infinity) this.#retrying.delete(path);
    else {
      this.#retrying.add(path);
      this.#tickAt(when);
    }
  }

  #reschedule(): void {
    this.#due = Infinity;
    for (const { retryAt } of this.#retrying) {
      if (retryAt < this.#due) this.#due = retryAt;
    }
    this.#timer.at(this.#due);
  }

  /** A tick that finds nothing due is cheaper than a search for the next deadline at each change. */
  #tickAt(when: Millis): void {
    if (when >= this.#due) return;
    this.#due = when;
    this.#timer.at(when);
  }

  /** True if the path ends at the port with this LID: the lowest bits choose one of its LIDs (LMC, IBTA vol. 1 4.1.3). */
  #leadsTo({ record }: Path, lid: number): boolean {
    return record !== undefined &&
      (record.dlid ^ lid) >> this.#context.port.attributes.lmc === 0;
  }

  close(): void {
    this.#timer.close();
  }

  #dropHandle(path: Path): void {
    const { ah } = path;
    if (!ah) return;
    path.ah = undefined;
    this.onChange(path);
    ah.destroy();
  }

  #tell(path: Path, result: Path | undefined): void {
    this.#awaited.delete(path);
    for (const waiter of path.waiters.splice(0)) waiter(result);
  }
}

/** How long after a question the next one may come: 1, 2, 4, 8, 16, 16 s... */
function pauseAfter(retries: number): Millis {
  return Math.min(PATH_INTERVAL_MS * 2 ** retries, MAX_BACKOFF_MS);
}

/** A GRH is used only if the answer has a hop limit (Linux ib_init_ah_attr_from_path behaviour). */
function handleAttributes(record: PathRecord): AddressHandleAttributes {
  const { dlid, sl, rate, dgid, flowLabel, hopLimit, tclass } = record;
  return {
    dlid,
    sl,
    staticRate: rate,
    ...(hopLimit > 0
      ? {
        grh: {
          dgid,
          flowLabel,
          hopLimit,
          trafficClass: tclass,
          sgidIndex: 0,
        },
      }
      : {}),
  };
}
