/** What a port has on its device while it is open, beside the objects of port_resources.ts: watches and address handles. */

import type { Timer } from "../../system/reactor.ts";
import { AddressHandles } from "./address_handle.ts";
import { AsyncEvents, type AsyncListener } from "./async_events.ts";
import { CompletionChannel } from "./completion_channel.ts";
import type { PortResources } from "./port_resources.ts";
import type { DevicePresence } from "./presence.ts";

/** Interval of looking for the device file, in milliseconds. */
const LOOK_INTERVAL_MS = 1000;

/** The listeners of the device. */
export interface DeviceListener extends AsyncListener {
  /** Posts the chained work requests; called before an address handle is destroyed, which they may use. */
  post(): void;
  /** Completion events were received. */
  onCompletions(): void;
}

export class OpenedDevice {
  readonly handles: AddressHandles;
  readonly #timer: Timer;
  readonly #owned: DisposableStack;

  /** Throws `E_FCNTL`. */
  constructor(
    { reactor, device, pd, channel, counted, attributes: { port } }:
      PortResources,
    presence: DevicePresence,
    listener: DeviceListener,
  ) {
    using parts = new DisposableStack();
    const owned = <T extends { close(): void }>(part: T): T =>
      parts.adopt(part, (each) => each.close());
    this.handles = owned(
      new AddressHandles(device, pd, port, () => listener.post()),
    );
    owned(new AsyncEvents(reactor, device, port, listener));
    owned(
      new CompletionChannel(
        ...[reactor, device.library, channel, counted] as const,
        () => listener.onCompletions(),
      ),
    );
    this.#timer = owned(
      reactor.timer((now) => {
        if (presence.removed) listener.onLost("it was removed");
        else this.#timer.at(now + LOOK_INTERVAL_MS);
      }),
    );
    presence.opened();
    this.#timer.at(reactor.clock.now() + LOOK_INTERVAL_MS);
    this.#owned = parts.move();
  }

  close(): void {
    this.#owned.dispose();
  }
}
