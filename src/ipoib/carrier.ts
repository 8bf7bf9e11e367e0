/** The carrier of a network device, which is on while the link carries traffic. */

import { explain, type Logger } from "../base/log.ts";
import type { Millis } from "../base/units.ts";
import type { PortAttributes } from "../hca/port_attributes.ts";
import type { Netdev } from "../netdev/netdev.ts";
import { portRateMbps } from "../hca/port_rate.ts";
import type { InterfaceEvents } from "./interface_events.ts";
import type { Reactor, Timer } from "../system/reactor.ts";

/**
 * Time for which the carrier of an adopted device stays on while the link starts, so that programs that follow it, such
 * as routing daemons, and the kernel's neighbours notice nothing of a restart.
 */
const HOLD_MS: Millis = 5000;

/** Dependencies of a {@linkcode Carrier}. */
export interface CarrierParts {
  readonly netdev: Pick<
    Netdev,
    "adopted" | "config" | "setCarrier" | "setSpeed" | "status"
  >;
  readonly port: { readonly attributes: PortAttributes };
  readonly reactor: Pick<Reactor, "clock" | "timer">;
  readonly log: Logger;
  readonly events: InterfaceEvents;
}

export class Carrier {
  readonly #parts: CarrierParts;
  #on = false;
  /** Ends the time for which the carrier of an adopted device stays on. */
  #hold: Timer | undefined;
  /** The state of the link during that time. */
  #wanted = false;

  constructor(parts: CarrierParts) {
    this.#parts = parts;
    const { netdev, reactor } = parts;
    if (!netdev.adopted) return;
    this.#on = netdev.config.carrier;
    if (!this.#on) return;
    this.#hold = reactor.timer(() => this.#release());
    this.#hold.at(reactor.clock.now() + HOLD_MS);
  }

  /** Sets the carrier, and with it the speed of the device to that of the port. */
  set(on: boolean): void {
    this.#wanted = on;
    if (!this.#hold) this.#set(on);
    else if (on) this.#release();
  }

  close(): void {
    this.#hold?.close();
    this.#hold = undefined;
  }

  #release(): void {
    this.close();
    if (this.#wanted) this.#setSpeed();
    this.#set(this.#wanted);
  }

  #set(on: boolean): void {
    if (on === this.#on) return;
    this.#on = on;
    explain(this.#parts.log, () => `Carrier is set ${on ? "on" : "off"}`);
    if (on) this.#setSpeed();
    this.#parts.netdev.setCarrier(on);
  }

  #setSpeed(): void {
    const { netdev, port } = this.#parts;
    netdev.setSpeed(portRateMbps(port.attributes));
  }

  /** Restores the carrier if another program has changed it: ib_ipoib has no operation for this. */
  follow(): void {
    const { netdev, log, events } = this.#parts;
    // The event may be older than the last change of this interface.
    const changed = netdev.config.carrier !== this.#on &&
      netdev.status().carrier !== this.#on;
    if (!changed) return;
    netdev.setCarrier(this.#on);
    const [set, back] = this.#on ? ["off", "on"] : ["on", "off"];
    events.add("link", "carrier", () => ({
      subject: netdev.config.name,
      old: set,
      new: back,
      cause: "another program has set it; the state of the link rules",
    }));
    log.warn(
      `Another program has set the carrier ${set}: set back to ${back}, which is the state of the link`,
    );
  }
}
