/**
 * The last events of an interface process or a subnet manager, for `ipoib events` and `ipoib monitor`.
 *
 * If the history is full, the oldest event of the most frequent kind is removed, so that many events of one kind, such
 * as those of neighbours, do not remove the few of another.
 */

import { Listeners } from "../base/listeners.ts";
import type { EventRecord } from "../base/events.ts";
import type { MethodOf, Params } from "../ipc/schema.ts";
import type { HandlersOf, StreamContext } from "../ipc/server.ts";

/** Number of events that are kept. */
const MAX_EVENTS = 4096;
/** Number of stored events that are sent at once: far fewer bytes than a stream holds (ipc/limits.ts). */
const PART = 64;

/** See `events.show` in ipc/methods.ts. */
type Selection = Params<"events.show">;

interface Stored {
  readonly number: number;
  readonly event: EventRecord;
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

  /** Returns the selected events, oldest first. */
  list(selection: Selection): EventRecord[] {
    return [...this.#kinds.values()].flat()
      .sort((a, b) => a.number - b.number)
      .map(({ event }) => event)
      .filter((event) => matches(event, selection));
  }

  /** Calls `listener` with each new selected event until the returned function is called. */
  follow(
    selection: Selection,
    listener: (event: EventRecord) => void,
  ): () => void {
    return this.#added.add((event) => {
      if (matches(event, selection)) listener(event);
    });
  }

  /** Creates the handlers of a control socket. */
  handlers(): HandlersOf<
    & MethodOf<"interface", "process">
    & MethodOf<"subnet", "process">
  > {
    return {
      "events.show": (selection) => this.list(selection),
      "events.watch": (selection, context) => this.#watch(selection, context),
    };
  }

  /** Sends the stored events if `since` is given, then each new one, until the signal is aborted. */
  async #watch(
    selection: Selection,
    { signal, send, sent }: StreamContext<EventRecord>,
  ): Promise<Record<never, never>> {
    // The events to send, oldest first: the stored ones, then those that are added before these are sent.
    const queue = selection.since === undefined ? [] : this.list(selection);
    const end = this.follow(selection, (event) => {
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
  { "time_ms": time, ifname, kind }: EventRecord,
  { name, kinds, since }: Selection,
): boolean {
  if (since !== undefined && time < since) return false;
  if (kinds && !kinds.some((each) => each === kind)) return false;
  return name === undefined || ifname === name || kind === "fabric";
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
