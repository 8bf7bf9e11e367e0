/**
 * Sends the packet faults (fault_book.ts) to every port after each change, and to a port that has just registered. The
 * ports confirm the settings that they apply.
 */

import { FaultBook, type FaultRequest } from "./fault_book.ts";
import type { FaultSettings } from "./fault_messages.ts";
import type { SubnetPort } from "./ports.ts";
import { encodeControl } from "./protocol.ts";
import type { Subnet } from "./subnet.ts";

export interface FaultExchangeParts {
  readonly subnet: Subnet;
  /** Settings of the previous manager. */
  readonly previous: FaultSettings | undefined;
  readonly send: (connection: number, frame: Uint8Array) => void;
}

export class FaultExchange {
  readonly #parts: FaultExchangeParts;
  readonly #book: FaultBook;

  constructor(parts: FaultExchangeParts) {
    this.#parts = parts;
    this.#book = new FaultBook(parts.previous);
  }

  /** The current settings. */
  get settings(): FaultSettings {
    return this.#book.settings;
  }

  /**
   * Sets the faults of a port, or without `request.port` of all ports without their own rule, and sends the new settings
   * to every port.
   *
   * @throws IpoibError `E_FAULT_RULES` (ENOSPC) if the subnet has the maximum number of rules.
   */
  set(request: FaultRequest): void {
    this.#book.set(request);
    this.#changed(request.port, "set");
  }

  /** Removes the faults of a port, or all of them, and sends the new settings to every port. */
  clear(port?: string): void {
    this.#book.clear(port);
    this.#changed(port, "none");
  }

  /** Returns the ports that have not confirmed the current settings. */
  unconfirmed(): SubnetPort[] {
    return [...this.#parts.subnet.ports].filter(({ connection }) =>
      !this.#book.isTaken(connection)
    );
  }

  /** Handles the confirmation of the port of a connection. */
  taken(connection: number, version: number): void {
    this.#book.taken(connection, version);
  }

  /** Sends the settings to a port that has just registered, if there was a change. */
  registered(port: SubnetPort): void {
    this.#send([port]);
  }

  /** Handles the end of a connection. */
  left(connection: number): void {
    this.#book.forget(connection);
  }

  #changed(port: string | undefined, now: "set" | "none"): void {
    const { subnet } = this.#parts;
    subnet.record("fault", () => ({
      subject: port === undefined ? "all ports" : `port ${port}`,
      new: now,
      cause: "requested",
    }));
    this.#send(subnet.ports);
  }

  #send(to: Iterable<SubnetPort>): void {
    const { settings } = this.#book;
    if (settings.version === 0) return;
    const frame = encodeControl({ type: "faults", settings });
    for (const { connection } of to) this.#parts.send(connection, frame);
  }
}
