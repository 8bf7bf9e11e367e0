/**
 * The last events of an interface process or a subnet manager, for `ipoib events` and `ipoib monitor`.
 *
 * If the history is full, the oldest event of the most frequent kind is removed, so that many events of one kind, such
 * as those of neighbours, do not remove the few of another.
 */

import { Listeners } from "../base/listeners.ts";
import type { EventRecord } from "../base/events.ts";
import type { MethodOf, Params } from "../ipc/schema.ts";
import type { HandlersOf } from "../ipc/server.ts";

/** Number of events that are kept. */
const MAX_EVENTS = 4096;

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
      "events.watch": async (selection, { signal, send }) => {
        if (selection.since !== undefined) {
          for (const event of this.list(selection)) send(event);
        }
        const end = this.follow(selection, send);
        await aborted(signal);
        end();
        return {};
      },
    };
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
