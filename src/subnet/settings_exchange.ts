/**
 * Sends the settings of ports (port_settings.ts) to every port, so that the next manager has them, whichever process it
 * is in.
 */

import type { Millis } from "../base/units.ts";
import {
  isSet,
  type PortSetting,
  settingOf,
  settingsMessages,
} from "./port_settings.ts";
import type { SubnetPort } from "./ports.ts";
import { encodeControl } from "./protocol.ts";
import type { Subnet } from "./subnet.ts";
import type { Takeover } from "./takeover.ts";

export interface SettingsExchangeParts {
  readonly subnet: Subnet;
  readonly takeover: Takeover;
  readonly send: (connection: number, frame: Uint8Array) => void;
}

export class SettingsExchange {
  readonly #parts: SettingsExchangeParts;

  constructor(parts: SettingsExchangeParts) {
    this.#parts = parts;
  }

  /** Sends the changed setting of a port. */
  changed(port: SubnetPort): void {
    this.#send([settingOf(port)]);
  }

  /** Sends the settings of all ports to a port that has just registered, and its own to all others. */
  registered(port: SubnetPort): void {
    const { subnet, takeover } = this.#parts;
    const current = [...subnet.ports].map(settingOf).filter(isSet);
    this.#send([...takeover.settings, ...current], [port]);
    const own = settingOf(port);
    if (isSet(own)) this.#send([own]);
  }

  /** Removes the setting of a port whose registration has ended. */
  left(port: SubnetPort): void {
    const setting = settingOf(port);
    if (isSet(setting)) this.#remove([setting]);
  }

  /** Removes the settings of the previous manager's ports that have not registered in time. */
  tick(now: Millis): void {
    this.#remove(this.#parts.takeover.takeExpired(now));
  }

  #remove(settings: readonly PortSetting[]): void {
    this.#send(
      settings.map((each) => ({ ...each, ownPkeys: false, down: false })),
    );
  }

  #send(
    settings: readonly PortSetting[],
    to: Iterable<SubnetPort> = this.#parts.subnet.ports,
  ): void {
    for (const message of settingsMessages(settings)) {
      const frame = encodeControl(message);
      for (const { connection } of to) this.#parts.send(connection, frame);
    }
  }
}
