/**
 * Follows the events of interfaces or subnet managers: of those that are running, and of those that appear later.
 *
 * The directories of control sockets are read periodically. A process that appears gives its events from the beginning,
 * so none is missed between two reads.
 */

import { IpoibError } from "../base/errors.ts";
import { type EventKind, eventRecord } from "../base/events.ts";
import type { EventRecord } from "../ipc/schema.ts";
import { IpcClient } from "../ipc/client.ts";
import type { CliEnvironment } from "./environment.ts";
import { errorLine } from "./errors.ts";

/** Interval of the reads. */
const SCAN_MS = 500;

/** A socket whose process has events. A process may or may not listen on it. */
export interface EventSource {
  readonly path: string;
  /** Name of the interface or the manager in messages, and in the event of its end. */
  readonly name: string;
  /** What the end of the process is, if it does not announce it. */
  readonly end: { kind: EventKind; event: string };
  /** The interface whose events are followed; undefined for all of the process. */
  readonly only?: string | undefined;
  /** The network namespace of the socket, in which the interface is looked up; undefined for the initial one. */
  readonly namespace?: bigint | undefined;
}

export interface EventMonitorOptions {
  /** Returns the sockets. Throws if they cannot be listed. */
  readonly sources: () => Promise<readonly EventSource[]>;
  readonly kinds: EventKind[] | undefined;
  /** Message if there are no processes at the start. */
  readonly none: string;
  /** Called with each event. Returns false if nothing takes further events: the monitor then ends. */
  readonly take: (event: EventRecord, source: EventSource) => boolean;
}

export class EventMonitor {
  readonly #environment: Pick<CliEnvironment, "err">;
  readonly #options: EventMonitorOptions;
  /** Functions that end the streams, by the paths of their sockets. */
  readonly #followed = new Map<string, () => void>();
  /** Paths of the sockets that refuse to be followed. */
  readonly #refused = new Set<string>();
  /** Times of the last events of the streams whose processes go on, by the paths of their sockets. */
  readonly #lastEventAt = new Map<string, number>();
  readonly #end = Promise.withResolvers<void>();
  #ended = false;

  constructor(
    environment: Pick<CliEnvironment, "err">,
    options: EventMonitorOptions,
  ) {
    this.#environment = environment;
    this.#options = options;
  }

  /** Follows the events until `take` returns false. Throws the first refusal if every interface refuses. */
  async run(): Promise<void> {
    const startedAt = Date.now();
    const refusals = await this.#scan(undefined);
    if (this.#followed.size === 0) {
      if (refusals[0]) throw refusals[0];
      this.#environment.err(
        `ipoib: ${this.#options.none}: waiting for one\n`,
      );
    }
    while (!this.#ended) {
      for (const refusal of refusals.splice(0)) {
        this.#environment.err(errorLine(refusal));
      }
      await this.#pause();
      if (!this.#ended) refusals.push(...await this.#scan(startedAt));
    }
  }

  /**
   * Follows the processes that are not followed yet: one that has ended its stream after the last event of it, others
   * from time `since` on, or from now on. Returns the refusals.
   */
  async #scan(since: number | undefined): Promise<IpoibError[]> {
    const sources = await this.#options.sources();
    const listed = new Set(sources.map(({ path }) => path));
    for (const paths of [this.#refused, this.#lastEventAt]) {
      for (const path of paths.keys()) {
        if (!listed.has(path)) paths.delete(path);
      }
    }
    const refusals: IpoibError[] = [];
    for (const each of sources) {
      const { path } = each;
      if (this.#followed.has(path) || this.#refused.has(path)) continue;
      try {
        const lastEventAt = this.#lastEventAt.get(path);
        await this.#follow(
          each,
          lastEventAt === undefined ? since : lastEventAt + 1,
        );
      } catch (error) {
        const refusal = IpoibError.from(error);
        // The socket of a killed process may be replaced by that of another one.
        if (refusal.code === "E_NOT_RUNNING") continue;
        this.#refused.add(path);
        refusals.push(refusal);
      }
    }
    return refusals;
  }

  /** Connects, and returns as soon as the events are followed. Throws the errors of `IpcClient.connect`. */
  async #follow(
    source: EventSource,
    since: number | undefined,
  ): Promise<void> {
    const { path, name, only, namespace } = source;
    const { kinds } = this.#options;
    const client = await IpcClient.connect(path, name, namespace);
    this.#followed.set(path, () => client.close());
    const filter = {
      ...(only === undefined ? {} : { name: only }),
      ...(kinds ? { kinds } : {}),
      ...(since === undefined ? {} : { since }),
    };
    const stream = client.stream("events.watch", filter, (events, lost) => {
      if (lost > 0) this.#take(lostEvents(name, lost), source);
      for (const event of events) {
        this.#lastEventAt.set(path, event.time_ms);
        this.#take(event, source);
      }
    });
    void stream.catch((error) => this.#failed(source, IpoibError.from(error)))
      .finally(() => {
        client.close();
        this.#followed.delete(path);
      });
  }

  /** The stream has ended without a reply. */
  #failed(source: EventSource, error: IpoibError): void {
    if (this.#ended) return;
    const goesOn = error.code === "E_IPC_BUSY";
    if (!goesOn) this.#lastEventAt.delete(source.path);
    if (error.code === "E_IPC_CLOSED") {
      return this.#take(ended(source), source);
    }
    this.#environment.err(errorLine(error));
    // Others are refusals, such as that of a process of a version without events.
    if (!goesOn) this.#refused.add(source.path);
  }

  #take(event: EventRecord, source: EventSource): void {
    if (this.#ended || this.#options.take(event, source)) return;
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
function ended({ name, end: { kind, event } }: EventSource): EventRecord {
  return eventRecord(Date.now(), { name }, kind, event, {
    subject: name,
    cause: "the connection to its process has ended",
  });
}

/** Events that this process has not read in time. */
export function lostEvents(name: string, count: number): EventRecord {
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
