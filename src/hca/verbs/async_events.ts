/** Asynchronous events of a device (`ibv_get_async_event`), as they concern one port. */

import { Ibv, IbvAsyncEvent } from "../../../ffi/verbs_layout.ts";
import { setNonBlocking } from "../../system/fd.ts";
import type { Reactor, Watch } from "../../system/reactor.ts";
import type { PortEvent } from "../hca.ts";
import type { VerbsDevice } from "./device.ts";

const portEvents: Readonly<Record<number, PortEvent>> = {
  [Ibv.EVENT_PORT_ACTIVE]: { type: "port_active" },
  [Ibv.EVENT_PORT_ERR]: { type: "port_error" },
  [Ibv.EVENT_LID_CHANGE]: { type: "lid_change" },
  [Ibv.EVENT_PKEY_CHANGE]: { type: "pkey_change" },
  [Ibv.EVENT_SM_CHANGE]: { type: "sm_change" },
  [Ibv.EVENT_CLIENT_REREGISTER]: { type: "client_reregister" },
  [Ibv.EVENT_GID_CHANGE]: { type: "gid_change" },
};

/** The event that `type` and `element` of an `ibv_async_event` mean for `port`, or undefined. */
export function portEvent(
  type: number,
  element: number,
  port: number,
): PortEvent | undefined {
  if (type === Ibv.EVENT_DEVICE_FATAL) {
    return { type: "device_fatal", reason: "The device reports a fatal error" };
  }
  return element === port ? portEvents[type] : undefined;
}

export class AsyncEvents {
  readonly #device: VerbsDevice;
  readonly #port: number;
  readonly #onEvent: (event: PortEvent) => void;
  readonly #watch: Watch;
  readonly #event = new Uint8Array(IbvAsyncEvent.Size);
  readonly #view = new DataView(this.#event.buffer);

  constructor(
    reactor: Reactor,
    device: VerbsDevice,
    port: number,
    onEvent: (event: PortEvent) => void,
  ) {
    this.#device = device;
    this.#port = port;
    this.#onEvent = onEvent;
    setNonBlocking(device.asyncFd);
    this.#watch = reactor.watch(device.asyncFd, () => this.#take());
  }

  close(): void {
    this.#watch.close();
  }

  #take(): void {
    const { library, context } = this.#device;
    while (library.ibv_get_async_event(context, this.#event) === 0) {
      const type = this.#view.getInt32(IbvAsyncEvent.Type, true);
      const element = this.#view.getInt32(IbvAsyncEvent.Element, true);
      // First of all: what the event is about cannot be destroyed before it is acknowledged.
      library.ibv_ack_async_event(this.#event);
      const event = portEvent(type, element, this.#port);
      if (event) this.#onEvent(event);
    }
  }
}
