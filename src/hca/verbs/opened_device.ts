/** What a port has on its device while it is open, beside the objects of port_resources.ts: watches and address handles. */

import { bytesAt } from "../../../ffi/libc.ts";
import { IbvCompChannel } from "../../../ffi/verbs_layout.ts";
import { setNonBlocking } from "../../system/fd.ts";
import type { Timer } from "../../system/reactor.ts";
import { AddressHandles } from "./address_handle.ts";
import { AsyncEvents, type AsyncListener } from "./async_events.ts";
import { type CompletingQp, CompletionEvents } from "./completion_events.ts";
import type { PortResources } from "./port_resources.ts";
import type { PostedSends } from "./posted_sends.ts";
import { type DevicePresence, REMOVED } from "./presence.ts";

/** Interval of looking for the device file, in milliseconds. */
const LOOK_INTERVAL_MS = 1000;

/** The listeners of the device. */
export interface DeviceListener extends AsyncListener {
  /** Posts the chained work requests; returns all that are posted, which may use an address handle that is to end. */
  post(): PostedSends;
}

export class OpenedDevice {
  readonly handles: AddressHandles;
  readonly #timer: Timer;
  readonly #owned: DisposableStack;

  /**
   * Throws `E_FCNTL`.
   *
   * @param qps see {@linkcode CompletionEvents}
   */
  constructor(
    resources: PortResources,
    qps: ReadonlyMap<bigint, CompletingQp>,
    presence: DevicePresence,
    listener: DeviceListener,
  ) {
    const { reactor, device, pd, channel, attributes: { port } } = resources;
    using parts = new DisposableStack();
    const owned = <T extends { close(): void }>(part: T): T =>
      parts.adopt(part, (each) => each.close());
    this.handles = owned(
      new AddressHandles(reactor, device, pd, port, () => listener.post()),
    );
    owned(new AsyncEvents(reactor, device, port, listener));
    const events = new CompletionEvents(resources, qps);
    const fd = new DataView(bytesAt(channel, IbvCompChannel.Fd + 4))
      .getInt32(IbvCompChannel.Fd, true);
    setNonBlocking(fd);
    owned(reactor.watch(fd, () => events.take(), { fast: true }));
    this.#timer = owned(
      reactor.timer((now) => {
        if (presence.removed) listener.onLost(REMOVED);
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
