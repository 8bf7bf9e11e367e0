/**
 * Follows the events of interfaces: of those that are running, and of those that appear later.
 *
 * The directories of control sockets are read periodically. An interface that appears gives its events from the
 * beginning, so none is missed between two reads.
 */

import { IpoibError } from "../base/errors.ts";
import { type EventKind, eventRecord } from "../base/events.ts";
import type { EventRecord } from "../ipc/schema.ts";
import type { CliEnvironment } from "./environment.ts";
import { errorLine } from "./errors.ts";
import { type Asked, type Selection, socketsOf } from "./listing.ts";
import { connect, noneRunning } from "./session.ts";

/** Interval of the reads. */
const SCAN_MS = 500;

export interface EventMonitorOptions {
  readonly selection: Selection;
  readonly kinds: EventKind[] | undefined;
  /** Called with each event. Returns false if nothing takes further events: the monitor then ends. */
  readonly take: (event: EventRecord, place: Asked["place"]) => boolean;
}

export class EventMonitor {
  readonly #environment: CliEnvironment;
  readonly #options: EventMonitorOptions;
  /** Functions that end the streams, by the paths of their sockets. */
  readonly #followed = new Map<string, () => void>();
  /** Paths of the sockets that refuse to be followed. */
  #refused: readonly string[] = [];
  readonly #end = Promise.withResolvers<void>();
  #ended = false;

  constructor(environment: CliEnvironment, options: EventMonitorOptions) {
    this.#environment = environment;
    this.#options = options;
  }

  /** Follows the events until `take` returns false. Throws the first refusal if every interface refuses. */
  async run(): Promise<void> {
    const refusals = await this.#scan(undefined);
    if (this.#followed.size === 0) {
      if (refusals[0]) throw refusals[0];
      const { message } = noneRunning();
      this.#environment.err(`ipoib: ${message}: waiting for one\n`);
    }
    while (!this.#ended) {
      for (const refusal of refusals.splice(0)) {
        this.#environment.err(errorLine(refusal));
      }
      const scannedAt = Date.now();
      await this.#pause();
      if (!this.#ended) refusals.push(...await this.#scan(scannedAt));
    }
  }

  /**
   * Follows the interfaces that are not followed yet, from time `since` on, or from now on. Returns the refusals.
   */
  async #scan(since: number | undefined): Promise<IpoibError[]> {
    const { asked } = await socketsOf(
      this.#environment,
      this.#options.selection,
    );
    this.#refused = this.#refused.filter((path) =>
      asked.some(({ socket }) => socket.path === path)
    );
    const refusals: IpoibError[] = [];
    for (const each of asked) {
      const { path } = each.socket;
      if (this.#followed.has(path) || this.#refused.includes(path)) continue;
      try {
        await this.#follow(each, since);
      } catch (error) {
        const refusal = IpoibError.from(error);
        // The socket of a killed process may be replaced by that of another one.
        if (refusal.code === "E_NOT_RUNNING") continue;
        this.#refused = [...this.#refused, path];
        refusals.push(refusal);
      }
    }
    return refusals;
  }

  /** Connects, and returns as soon as the events are followed. Throws the errors of `connect`. */
  async #follow(asked: Asked, since: number | undefined): Promise<void> {
    const { place, socket } = asked;
    const { name, target } = socket;
    const { kinds, selection } = this.#options;
    const { client } = await connect(socket);
    this.#followed.set(socket.path, () => client.close());
    const filter = {
      ...(selection.name !== undefined || target !== undefined ? { name } : {}),
      ...(kinds ? { kinds } : {}),
      ...(since === undefined ? {} : { since }),
    };
    const stream = client.stream("events.watch", filter, (events, lost) => {
      if (lost > 0) this.#take(lostEvents(name, lost), place);
      for (const event of events) this.#take(event, place);
    });
    void stream.catch((error) => this.#failed(asked, IpoibError.from(error)))
      .finally(() => {
        client.close();
        this.#followed.delete(socket.path);
      });
  }

  /** The stream has ended without a reply. */
  #failed({ place, socket }: Asked, error: IpoibError): void {
    if (this.#ended) return;
    if (error.code === "E_IPC_CLOSED") {
      return void this.#take(ended(socket.name), place);
    }
    // Such as that of a process of a version without events.
    this.#refused = [...this.#refused, socket.path];
    this.#environment.err(errorLine(error));
  }

  #take(event: EventRecord, place: Asked["place"]): void {
    if (this.#ended || this.#options.take(event, place)) return;
    this.#ended = true;
    for (const close of this.#followed.values()) close();
    this.#end.resolve();
  }

  async #pause(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await Promise.race([
      this.#end.promise,
      new Promise((resolve) => timer = setTimeout(resolve, SCAN_MS)),
    ]);
    clearTimeout(timer);
  }
}

/** The end of a process that did not announce it. */
function ended(name: string): EventRecord {
  return eventRecord(Date.now(), name, "link", "deleted", {
    subject: name,
    cause: "its process has ended without notice",
  });
}

/** Events that this process has not read in time. */
function lostEvents(name: string, count: number): EventRecord {
  return {
    "time_ms": Date.now(),
    ifname: name,
    kind: "monitor",
    event: "lost",
    subject: "events",
    new: `${count}`,
    cause: "they were not read in time",
  };
}
