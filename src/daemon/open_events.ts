/** The event sink of a worker, which sends the events to the main thread (event_history.ts). */

import { EventSink } from "../base/event_sink.ts";
import type { Reactor } from "../system/reactor.ts";
import type { Emit } from "./thread/worker_side.ts";

/** Event of a worker whose data is an `EventRecord` (base/events.ts). */
export const EVENT = "event";

export interface OpenedEvents {
  readonly sink: EventSink;
  close(): void;
}

export function openEvents(
  reactor: Pick<Reactor, "clock" | "timer">,
  emit: Emit,
): OpenedEvents {
  const { clock } = reactor;
  const timer = reactor.timer(() => sink.report());
  const sink = new EventSink({
    emit: (event) => emit(EVENT, event),
    now: () => clock.now(),
    time: () => Date.now(),
    wakeAfter: (delay) => timer.at(clock.now() + delay),
  });
  return { sink, close: () => timer.close() };
}
