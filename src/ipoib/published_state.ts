/**
 * The state of an interface as users see it: derived from the conditions of the link (link_state.ts), it goes to the
 * log, to the events, and to the carrier of the network device.
 */

import type { Logger } from "../base/log.ts";
import { formatPkey } from "../base/units.ts";
import type { Carrier } from "./carrier.ts";
import type { InterfaceEvents } from "./interface_events.ts";
import type { LinkIdentity } from "./link_identity.ts";
import {
  type LinkConditions,
  linkState,
  membershipDoubt,
  RUNNING,
} from "./link_state.ts";

/** Dependencies of a {@linkcode PublishedState}. */
export interface PublishedStateParts {
  readonly identity: LinkIdentity;
  /** Returns the current name of the interface. */
  readonly name: () => string;
  readonly carrier: Pick<Carrier, "set">;
  readonly log: Logger;
  readonly events: InterfaceEvents;
  /** Called after a change of {@linkcode PublishedState.state}. */
  readonly onChange: (state: string) => void;
}

export class PublishedState {
  readonly #parts: PublishedStateParts;
  #state = "starting";
  #doubt: string | undefined;
  /** What the change in progress follows from, for its event. */
  #cause: string | undefined;
  /** The membership in the partition that was published last. */
  #limited = false;

  constructor(parts: PublishedStateParts) {
    this.#parts = parts;
  }

  /** "running", "closed", or the condition that the interface waits for. */
  get state(): string {
    return this.#state;
  }

  /** Why the membership in the broadcast group is in doubt while the interface is running; undefined if it is not. */
  get doubt(): string | undefined {
    return this.#doubt;
  }

  get isRunning(): boolean {
    return this.#state === RUNNING;
  }

  /** Calls `act`; changes of the state within it have this cause. */
  during(cause: string, act: () => void): void {
    const outer = this.#cause;
    this.#cause = cause;
    try {
      act();
    } finally {
      this.#cause = outer;
    }
  }

  /** Publishes what has changed. */
  update(conditions: LinkConditions): void {
    const state = linkState(conditions);
    const doubt = state === RUNNING ? membershipDoubt(conditions) : undefined;
    if (doubt !== this.#doubt) this.#setDoubt(doubt, state);
    const { isLimited } = this.#parts.identity;
    const membershipChanged = isLimited !== this.#limited;
    this.#limited = isLimited;
    if (state !== this.#state) this.#setState(state, conditions.up);
    else if (membershipChanged && this.isRunning) this.#membershipChanged();
  }

  /** Sets the state "closed", silently. */
  close(): void {
    this.#state = "closed";
  }

  #setState(state: string, up: boolean): void {
    const { name, carrier, log, events, onChange } = this.#parts;
    const was = this.isRunning;
    const before = this.#state;
    events.add("link", "state", () => ({
      subject: name(),
      old: before,
      new: state,
      cause: this.#cause,
    }));
    this.#state = state;
    carrier.set(this.isRunning);
    if (this.isRunning && this.#limited) this.#logMembership();
    else if (up || was) log.info(state);
    onChange(state);
  }

  #setDoubt(doubt: string | undefined, state: string): void {
    const { log, events } = this.#parts;
    const begins = this.#doubt === undefined;
    this.#doubt = doubt;
    if (state !== RUNNING) return;
    events.add("link", "doubt", () => ({
      subject: "membership in the broadcast group",
      old: begins ? "confirmed" : "in doubt",
      new: doubt === undefined ? "confirmed" : "in doubt",
      cause: doubt,
    }));
    if (begins) log.info(`membership in doubt: ${doubt}`);
    else if (doubt === undefined) log.info("membership confirmed");
  }

  #membershipChanged(): void {
    const { identity, events } = this.#parts;
    this.#logMembership();
    const [limited, full] = ["limited member", "full member"];
    events.add("link", "membership", () => ({
      subject: `partition ${formatPkey(identity.pkey)}`,
      old: this.#limited ? full : limited,
      new: this.#limited ? limited : full,
      cause: this.#cause,
    }));
  }

  #logMembership(): void {
    const { identity, log } = this.#parts;
    const pkey = formatPkey(identity.pkey);
    log.info(
      this.#limited
        ? `${RUNNING} as a limited member of partition ${pkey}, which reaches full members only`
        : `${RUNNING} as a full member of partition ${pkey}`,
    );
  }
}
