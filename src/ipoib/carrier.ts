/** The carrier of a network device, which is on while the link carries traffic. */

import { explain, type Logger } from "../base/log.ts";
import type { PortAttributes } from "../hca/hca.ts";
import type { Netdev } from "../netdev/netdev.ts";
import { portRateMbps } from "../hca/port_rate.ts";
import type { InterfaceEvents } from "./interface_events.ts";

/** Dependencies of a {@linkcode Carrier}. */
export interface CarrierParts {
  readonly netdev: Pick<
    Netdev,
    "config" | "setCarrier" | "setSpeed" | "status"
  >;
  readonly port: { readonly attributes: PortAttributes };
  readonly log: Logger;
  readonly events: InterfaceEvents;
}

export class Carrier {
  readonly #parts: CarrierParts;
  #on = false;

  constructor(parts: CarrierParts) {
    this.#parts = parts;
  }

  /** Sets the carrier, and with it the speed of the device to that of the port. */
  set(on: boolean): void {
    if (on === this.#on) return;
    this.#on = on;
    explain(this.#parts.log, () => `Carrier is set ${on ? "on" : "off"}`);
    const { netdev, port } = this.#parts;
    if (on) netdev.setSpeed(portRateMbps(port.attributes));
    netdev.setCarrier(on);
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
