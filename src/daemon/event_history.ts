/**
 * The last events of an interface process or a subnet manager, for `ipoib events` and `ipoib monitor`.
 *
 * If the history is full, the oldest event of the most frequent kind is removed, so that many events of one kind, such
 * as those of neighbours, do not remove the few of another.
 */

import { Listeners } from "../base/listeners.ts";
import {
  type EventDetails,
  type EventKind,
  type EventName,
  type EventOwner,
  type EventRecord,
  eventRecord,
  LEFT_NAMESPACE,
} from "../base/events.ts";
import type { MethodOf, Params } from "../ipc/schema.ts";
import type { CallContext, HandlersOf, StreamContext } from "../ipc/server.ts";
import type { InterfacePlaces } from "./interface_places.ts";

/** Number of events that are kept. */
const MAX_EVENTS = 4096;
/** Number of stored events that are sent at once: far fewer bytes than a stream holds (ipc/limits.ts). */
const PART = 64;

/** See `events.show` in ipc/methods.ts. */
type Selection = Params<"events.show">;

/** Finds the interface that a request names (interface_places.ts). */
type Names = Pick<InterfacePlaces, "find">;

interface Stored {
  readonly number: number;
  event: EventRecord;
}

export class EventHistory {
  readonly #capacity: number;
  readonly #added = new Listeners<[EventRecord]>();
  /** The events of each kind, oldest first. */
  readonly #kinds = new Map<string, Stored[]>();
  #size = 0;
  #next = 0;

  constructor(capacity = MAX_EVENTS) {
    this.#capacity = capacity;
  }

  add(event: EventRecord): void {
    if (this.#size === this.#capacity) this.#evict();
    const stored = { number: this.#next++, event };
    const ofKind = this.#kinds.get(event.kind);
    if (ofKind) ofKind.push(stored);
    else this.#kinds.set(event.kind, [stored]);
    this.#size++;
    this.#added.call(event);
  }

  /** Adds an event that happens now. */
  record<K extends EventKind>(
    owner: EventOwner,
    kind: K,
    event: EventName<K>,
    details: EventDetails,
  ): void {
    this.add(eventRecord(Date.now(), owner, kind, event, details));
  }

  /**
   * Called when no interface of the process is in a namespace any more. The kernel may use its inode for another one, of
   * which the stored events are not.
   */
  left(namespace: bigint): void {
    const inode = Number(namespace);
    for (const stored of [...this.#kinds.values()].flat()) {
      if (stored.event.namespace !== inode) continue;
      stored.event = { ...stored.event, namespace: LEFT_NAMESPACE };
    }
  }

  /** Returns the selected events, oldest first. `namespace` is that of the named interface; undefined for any. */
  list(selection: Selection, namespace?: bigint): EventRecord[] {
    return [...this.#kinds.values()].flat()
      .sort((a, b) => a.number - b.number)
      .map(({ event }) => event)
      .filter((event) => matches(event, selection, namespace));
  }

  /** Calls `listener` with each new selected event until the returned function is called. See {@linkcode list}. */
  follow(
    selection: Selection,
    namespace: bigint | undefined,
    listener: (event: EventRecord) => void,
  ): () => void {
    return this.#added.add((event) => {
      if (matches(event, selection, namespace)) listener(event);
    });
  }

  /** Creates the handlers of a control socket. `names` is undefined for that of a subnet manager. */
  handlers(names?: Names): HandlersOf<
    & MethodOf<"interface", "process">
    & MethodOf<"subnet", "process">
  > {
    const namespaceOf = ({ name }: Selection, { namespace }: CallContext) =>
      names?.find(name, namespace).namespace;
    return {
      "events.show": (selection, context) =>
        this.list(selection, namespaceOf(selection, context)),
      "events.watch": (selection, context) =>
        this.#watch(selection, namespaceOf(selection, context), context),
    };
  }

  /** Sends the stored events if `since` is given, then each new one, until the signal is aborted. */
  async #watch(
    selection: Selection,
    namespace: bigint | undefined,
    { signal, send, sent }: StreamContext<EventRecord>,
  ): Promise<Record<never, never>> {
    // The events to send, oldest first: the stored ones, then those that are added before these are sent.
    const queue = selection.since === undefined
      ? []
      : this.list(selection, namespace);
    const end = this.follow(selection, namespace, (event) => {
      if (queue.length === 0) return send(event);
      queue.push(event);
      // The client does not read: the stream drops the oldest, and tells the client their number.
      if (queue.length > 2 * this.#capacity) queue.splice(0).forEach(send);
    });
    try {
      while (queue.length > 0) {
        queue.splice(0, PART).forEach(send);
        await sent();
      }
      await aborted(signal);
    } finally {
      end();
    }
    return {};
  }

  #evict(): void {
    let most: Stored[] = [];
    for (const ofKind of this.#kinds.values()) {
      if (ofKind.length > most.length) most = ofKind;
    }
    most.shift();
    this.#size--;
  }
}

/** True for a selected event. Events of the port belong to each interface on it. */
function matches(
  { "time_ms": time, ifname, kind, namespace: inode }: EventRecord,
  { name, kinds, since }: Selection,
  namespace: bigint | undefined,
): boolean {
  if (since !== undefined && time < since) return false;
  if (kinds && !kinds.some((each) => each === kind)) return false;
  if (name === undefined || kind === "fabric") return true;
  return ifname === name &&
    (namespace === undefined || inode === Number(namespace));
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
