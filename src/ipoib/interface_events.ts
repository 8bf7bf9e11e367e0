/** The events of one interface (base/events.ts). */

import type { QualifiedName } from "../base/qualified_name.ts";
import type { EventDetails, EventKind, EventName } from "../base/events.ts";
import type { EventSink } from "../base/event_sink.ts";

export class InterfaceEvents {
  readonly #sink: EventSink | undefined;
  readonly #owner: () => QualifiedName;

  /** @param owner returns the current name and namespace of the interface */
  constructor(sink: EventSink | undefined, owner: () => QualifiedName) {
    this.#sink = sink;
    this.#owner = owner;
  }

  /** Records an event. `details` is called only if the event is taken. */
  add<K extends EventKind>(
    kind: K,
    event: EventName<K>,
    details: () => EventDetails,
  ): void {
    this.#sink?.add(this.#owner(), kind, event, details);
  }
}
