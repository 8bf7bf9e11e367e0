/** The manager's packet faults: what is set, and which ports follow it. */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import {
  type FaultRule,
  type FaultSettings,
  MAX_RULES,
  MAX_VERSION,
  NO_FAULTS,
} from "./fault_messages.ts";

/** A rule as it is asked for; the book adds when. */
export type FaultRequest = Omit<FaultRule, "since">;

/** See above. */
export class FaultBook {
  #settings: FaultSettings;
  /** The version that each connection's port said it has taken. */
  readonly #taken = new Map<number, number>();

  /** @param settings those under the manager before */
  constructor(settings: FaultSettings = NO_FAULTS) {
    this.#settings = settings;
  }

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
        { errno: Errno.ENOSPC, hint: "clear some of them" },
      );
    }
    this.#replace([...others, { ...request, since: this.#next }]);
  }

  /** Takes away the rule of a port, or all rules. */
  clear(port?: string): void {
    this.#replace(
      port === undefined
        ? []
        : this.#settings.rules.filter((rule) => rule.port !== port),
    );
  }

  /** The port of a connection follows the settings of that version. */
  taken(connection: number, version: number): void {
    this.#taken.set(connection, version);
  }

  /** True if the port of a connection follows the present settings. */
  isTaken(connection: number): boolean {
    return (this.#taken.get(connection) ?? 0) === this.#settings.version;
  }

  forget(connection: number): void {
    this.#taken.delete(connection);
  }

  get #next(): number {
    const { version } = this.#settings;
    return version === MAX_VERSION ? 1 : version + 1;
  }

  #replace(rules: FaultRule[]): void {
    this.#settings = { version: this.#next, rules };
  }
}
