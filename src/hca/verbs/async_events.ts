/**
 * Receives the asynchronous events of a device (`ibv_get_async_event`) and reports those of one port, and those of queue
 * pairs and shared receive queues. A fatal error of the device, and events that cannot be read, because the device was
 * removed, are its loss.
 */

import { errno } from "../../../ffi/libc.ts";
import { Ibv, IbvAsyncEvent } from "../../../ffi/verbs_layout.ts";
import { Errno, errnoText } from "../../base/errno.ts";
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

/**
 * Converts the type and the element of a `struct ibv_async_event` to an event of `port`. Returns undefined for an event
 * of another port or of another object.
 */
export function portEvent(
  type: number,
  element: number,
  port: number,
): PortEvent | undefined {
  return element === port ? portEvents[type] : undefined;
}

/** The reported events of queue pairs and shared receive queues. */
const OBJECT_EVENTS: ReadonlySet<number> = new Set([
  ...[Ibv.EVENT_QP_FATAL, Ibv.EVENT_QP_REQ_ERR, Ibv.EVENT_QP_ACCESS_ERR],
  ...[Ibv.EVENT_SRQ_ERR, Ibv.EVENT_QP_LAST_WQE_REACHED],
]);

/** The listeners of the events. */
export interface AsyncListener {
  onEvent(event: PortEvent): void;
  /** An event of a queue pair or of an SRQ: its type, and the `struct ibv_qp *` or `struct ibv_srq *`. */
  onObjectEvent(type: number, element: bigint): void;
  /** The device is lost: a clause says why. The listener closes the watch. */
  onLost(reason: string): void;
}

/** The watch of a device's asynchronous event descriptor. */
export class AsyncEvents {
  readonly #device: VerbsDevice;
  readonly #port: number;
  readonly #listener: AsyncListener;
  readonly #watch: Watch;
  readonly #event = new Uint8Array(IbvAsyncEvent.Size);
  readonly #view = new DataView(this.#event.buffer);

  /** Throws `E_FCNTL`. */
  constructor(
    reactor: Reactor,
    device: VerbsDevice,
    port: number,
    listener: AsyncListener,
  ) {
    this.#device = device;
    this.#port = port;
    this.#listener = listener;
    setNonBlocking(device.asyncFd);
    this.#watch = reactor.watch(device.asyncFd, () => this.#receive());
  }

  close(): void {
    this.#watch.close();
  }

  #receive(): void {
    const { library, context } = this.#device;
    while (library.ibv_get_async_event(context, this.#event) === 0) {
      const type = this.#view.getInt32(IbvAsyncEvent.Type, true);
      const element = this.#view.getInt32(IbvAsyncEvent.Element, true);
      const object = this.#view.getBigUint64(IbvAsyncEvent.Element, true);
      // Acknowledged before it is handled: an object with an unacknowledged event cannot be destroyed.
      library.ibv_ack_async_event(this.#event);
      if (type === Ibv.EVENT_DEVICE_FATAL) {
        return this.#listener.onLost("it reported a fatal error");
      }
      const event = portEvent(type, element, this.#port);
      if (event) this.#listener.onEvent(event);
      else if (OBJECT_EVENTS.has(type)) {
        this.#listener.onObjectEvent(type, object);
      }
    }
    const why = errno();
    if (why === Errno.EIO || why === Errno.ENODEV) {
      this.#listener.onLost(`its events cannot be read: ${errnoText(why)}`);
    }
  }
}
