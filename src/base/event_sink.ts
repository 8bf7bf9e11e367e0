/**
 * Takes the events of the interfaces of one port, at a limited rate.
 *
 * Peers can cause events at any rate, such as those of neighbours. For each kind the sink takes {@linkcode BURST} events
 * at once, and {@linkcode PER_SECOND} later ones per second. It counts further ones, and reports their number with an
 * event of its own, so that neither the memory nor the readers of events suffer from a storm, and a storm of one kind
 * hides no event of another.
 */

import {
  type EventDetails,
  type EventKind,
  type EventName,
  type EventOwner,
  type EventRecord,
  eventRecord,
  SUPPRESSED,
} from "./events.ts";
import type { Millis } from "./units.ts";

/** Number of events of a kind that are taken at once, and per second after that. */
export const BURST = 1000;
const PER_SECOND = 50;
/** Time after which suppressed events are reported. */
const REPORT_MS: Millis = 1000;

/** Dependencies of an {@linkcode EventSink}. */
export interface EventSinkParts {
  readonly emit: (event: EventRecord) => void;
  /** Monotonic clock. */
  readonly now: () => Millis;
  /** Milliseconds since 1970. */
  readonly time: () => number;
  /** Schedules a call of {@linkcode EventSink.report} after `delay` milliseconds. */
  readonly wakeAfter: (delay: Millis) => void;
}

interface Allowance {
  events: number;
  /** Time for which `events` was computed. */
  at: Millis;
  suppressed: number;
  /** Interface of the last suppressed event. */
  owner: EventOwner;
}

export class EventSink {
  readonly #parts: EventSinkParts;
  readonly #allowances = new Map<EventKind, Allowance>();

  constructor(parts: EventSinkParts) {
    this.#parts = parts;
  }

  /** Records an event. `details` is called only if the event is taken. */
  add<K extends EventKind>(
    owner: EventOwner,
    kind: K,
    event: EventName<K>,
    details: () => EventDetails,
  ): void {
    if (this.#admits(kind, owner)) this.#emit(owner, kind, event, details());
  }

  /** Reports the number of suppressed events of each kind. */
  report(): void {
    for (const [kind, allowance] of this.#allowances) {
      const { suppressed, owner } = allowance;
      if (suppressed === 0) continue;
      allowance.suppressed = 0;
      this.#emit(owner, kind, SUPPRESSED, {
        subject: owner.name,
        new: String(suppressed),
        cause: `more than ${PER_SECOND} events of this kind per second`,
      });
    }
  }

  #emit(
    owner: EventOwner,
    kind: EventKind,
    event: string,
    details: EventDetails,
  ): void {
    const { emit, time } = this.#parts;
    emit(eventRecord(time(), owner, kind, event, details));
  }

  #admits(kind: EventKind, owner: EventOwner): boolean {
    const now = this.#parts.now();
    let allowance = this.#allowances.get(kind);
    if (!allowance) {
      allowance = { events: BURST, at: now, suppressed: 0, owner };
      this.#allowances.set(kind, allowance);
    }
    const gained = (now - allowance.at) * PER_SECOND / 1000;
    allowance.events = Math.min(BURST, allowance.events + gained);
    allowance.at = now;
    if (allowance.events >= 1) {
      allowance.events--;
      return true;
    }
    allowance.owner = owner;
    if (allowance.suppressed++ === 0) this.#parts.wakeAfter(REPORT_MS);
    return false;
  }
}
