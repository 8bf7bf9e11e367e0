/** The manager's packet faults: the current settings, and the version that each port applies. */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import {
  type FaultRule,
  type FaultSettings,
  MAX_RULES,
  MAX_VERSION,
  NO_FAULTS,
} from "./fault_messages.ts";

/** A rule as requested, without the version, which {@linkcode FaultBook} adds. */
export type FaultRequest = Omit<FaultRule, "since">;

/** The fault settings of a subnet, with one version for each change. */
export class FaultBook {
  #settings: FaultSettings;
  /** Last version that the port of a connection has confirmed. */
  readonly #taken = new Map<number, number>();

  /** @param settings settings of the previous manager */
  constructor(settings: FaultSettings = NO_FAULTS) {
    this.#settings = settings;
  }

  get settings(): FaultSettings {
    return this.#settings;
  }

  /**
   * Adds the rule of a port, or without `port` the rule for all other ports. Replaces an earlier rule for the same
   * port.
   *
   * @throws IpoibError `E_FAULT_RULES` (ENOSPC) if there are {@linkcode MAX_RULES} rules for other ports.
   */
  set(request: FaultRequest): void {
    const others = this.#settings.rules
      .filter((rule) => rule.port !== request.port);
    if (others.length === MAX_RULES) {
      throw new IpoibError(
        "E_FAULT_RULES",
        `The subnet has the maximum of ${MAX_RULES} fault rules`,
        { errno: Errno.ENOSPC, hint: "clear a rule first" },
      );
    }
    this.#replace([...others, { ...request, since: this.#next }]);
  }

  /** Removes the rule of a port, or all rules. */
  clear(port?: string): void {
    this.#replace(
      port === undefined
        ? []
        : this.#settings.rules.filter((rule) => rule.port !== port),
    );
  }

  /** Records that the port of a connection applies the settings of a version. */
  taken(connection: number, version: number): void {
    this.#taken.set(connection, version);
  }

  /** True if the port of a connection applies the current settings. */
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
