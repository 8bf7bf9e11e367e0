/**
 * Paths: how the subnet administrator says that a GID is reached, asked for once and kept.
 *
 * Keyed by GID, without expiry, dropped by a flush (Linux ipoib_main.c path_rec_* behaviour). After a light flush
 * (client reregister) a path is only *doubtful*: it is used on while a new answer is fetched, so that a change of
 * the subnet manager costs established neighbours no packet.
 */

import type { Millis } from "../base/units.ts";
import type { AddressHandle, HcaPort } from "../hca/hca.ts";
import { gidKey } from "../wire/gid.ts";
import type { PathRecord } from "../wire/sa/path_record.ts";

/** Asks the subnet administrator; `done` gets the record, or the errno of the failure. */
export type PathQuery = (
  gid: Uint8Array,
  now: Millis,
  done: (answer: { record: PathRecord } | { errno: number }) => void,
) => void;

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
  readonly waiters: PathWaiter[] = [];

  constructor(gid: Uint8Array) {
    this.gid = gid.slice();
  }
}

/** The paths of one interface. */
export class PathTable {
  readonly #port: HcaPort;
  readonly #query: PathQuery;
  readonly #paths = new Map<string, Path>();
  /** Called when a path's handle changed or went. */
  onChange: (path: Path) => void = () => {};

  constructor(port: HcaPort, query: PathQuery) {
    this.#port = port;
    this.#query = query;
  }

  /** Calls `waiter` with the path to `gid`: now if it is known, else when the administrator has answered. */
  request(gid: Uint8Array, now: Millis, waiter: PathWaiter): void {
    const key = gidKey(gid);
    let path = this.#paths.get(key);
    if (!path) this.#paths.set(key, path = new Path(gid));
    if (path.ah) {
      if (path.state === "doubtful") this.#ask(path, now);
      waiter(path);
      return;
    }
    path.waiters.push(waiter);
    if (path.state !== "asking") this.#ask(path, now);
  }

  /** A packet could not be sent on it: the next one asks again. */
  invalidate(path: Path): void {
    if (path.state === "asking" && !path.ah) return;
    this.#dropHandle(path);
    path.state = "idle";
  }

  /** Every path is to be asked for again, and used meanwhile (light flush). */
  doubtAll(now: Millis): void {
    for (const path of this.#paths.values()) {
      if (path.state !== "complete") continue;
      path.state = "doubtful";
      this.#ask(path, now);
    }
  }

  /** Forgets everything; who waits is told so (normal flush). */
  flush(): void {
    const paths = [...this.#paths.values()];
    this.#paths.clear();
    for (const path of paths) {
      this.#dropHandle(path);
      this.#tell(path, undefined);
    }
  }

  entries(): Path[] {
    return [...this.#paths.values()];
  }

  #ask(path: Path, now: Millis): void {
    path.state = "asking";
    this.#query(path.gid, now, (answer) => {
      if (this.#paths.get(gidKey(path.gid)) !== path) return;
      if ("record" in answer) this.#complete(path, answer.record);
      else this.#fail(path, answer.errno);
    });
  }

  #complete(path: Path, record: PathRecord): void {
    const old = path.ah;
    path.failure = undefined;
    path.record = record;
    path.state = "complete";
    path.ah = this.#port.createAddressHandle({
      dlid: record.dlid,
      sl: record.sl,
      staticRate: record.rate,
      ...(record.hopLimit > 0
        ? {
          grh: {
            dgid: record.dgid,
            flowLabel: record.flowLabel,
            hopLimit: record.hopLimit,
            trafficClass: record.tclass,
            sgidIndex: 0,
          },
        }
        : {}),
    });
    this.onChange(path);
    old?.destroy();
    this.#tell(path, path);
  }

  #fail(path: Path, errno: number): void {
    path.failure = errno;
    // A path in use goes on as it was: a new subnet manager may not know the other port yet.
    path.state = path.ah ? "doubtful" : "idle";
    this.#tell(path, undefined);
  }

  #dropHandle(path: Path): void {
    const { ah } = path;
    if (!ah) return;
    path.ah = undefined;
    this.onChange(path);
    ah.destroy();
  }

  #tell(path: Path, result: Path | undefined): void {
    for (const waiter of path.waiters.splice(0)) waiter(result);
  }
}
