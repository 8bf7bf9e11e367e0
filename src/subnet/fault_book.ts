/**
 * The manager's book of packet faults: what is set, and which ports have taken it.
 *
 * Ports bring the settings that they follow to a new manager; the newest of them count, so that a takeover
 * changes nothing.
 */

import { IpoibError } from "../base/errors.ts";
import {
  type FaultRule,
  type FaultSettings,
  MAX_RULES,
  NO_FAULTS,
} from "./fault_messages.ts";

/** A rule as it is asked for; the book adds when. */
export type FaultRequest = Omit<FaultRule, "since">;

/** See above. */
export class FaultBook {
  #settings: FaultSettings = NO_FAULTS;
  /** The version that each connection's port said it has taken. */
  readonly #taken = new Map<number, number>();

  get settings(): FaultSettings {
    return this.#settings;
  }

  /**
   * Sets the rule of a port, or of all ports without one, in place of the one before.
   *
   * @throws IpoibError `E_FAULT_RULES` (ENOSPC) beyond {@linkcode MAX_RULES}.
   */
  set(request: FaultRequest): void {
    const others = this.#settings.rules
      .filter((rule) => rule.port !== request.port);
    if (others.length === MAX_RULES) {
      throw new IpoibError(
        "E_FAULT_RULES",
        `The subnet has ${MAX_RULES} fault rules, which is all it can have`,
        { errno: 28, hint: "clear some of them" },
      );
    }
    this.#replace([...others, {
      ...request,
      since: this.#settings.version + 1,
    }]);
  }

  /** Takes away the rule of a port, or all rules. */
  clear(port?: string): void {
    this.#replace(
      port === undefined
        ? []
        : this.#settings.rules.filter((rule) => rule.port !== port),
    );
  }

  /** Looks at what a port brings from the manager before; true if it is newer than what was known. */
  adopt(settings: FaultSettings): boolean {
    if (settings.version <= this.#settings.version) return false;
    this.#settings = settings;
    return true;
  }

  /** The port of a connection follows the settings of that version. */
  taken(connection: number, version: number): void {
    this.#taken.set(connection, version);
  }

  /** True if the port of a connection follows the present settings. */
  isTaken(connection: number): boolean {
    return (this.#taken.get(connection) ?? 0) >= this.#settings.version;
  }

  forget(connection: number): void {
    this.#taken.delete(connection);
  }

  #replace(rules: FaultRule[]): void {
    this.#settings = { version: this.#settings.version + 1, rules };
  }
}
