/** The events of one interface (base/events.ts). */

import type { EventDetails, EventKind, EventName } from "../base/events.ts";
import type { EventSink } from "../base/event_sink.ts";

export class InterfaceEvents {
  readonly #sink: EventSink | undefined;
  readonly #name: () => string;

  /** @param name returns the current name of the interface */
  constructor(sink: EventSink | undefined, name: () => string) {
    this.#sink = sink;
    this.#name = name;
  }

  /** Records an event. `details` is called only if the event is taken. */
  add<K extends EventKind>(
    kind: K,
    event: EventName<K>,
    details: () => EventDetails,
  ): void {
    this.#sink?.add(this.#name(), kind, event, details);
  }
}
