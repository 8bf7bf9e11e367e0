/** A connection and a received request for one, as the consumer sees them. */

import type { Clock } from "../base/clock.ts";
import type { RcConnection } from "../hca/rc_qp.ts";
import { ActiveEndpoint } from "./active.ts";
import type { ConnectionState, Endpoint } from "./endpoint.ts";
import type { AcceptOptions, ConnectionEvents } from "./events.ts";
import { PassiveEndpoint } from "./passive.ts";

const NOTHING = new Uint8Array(0);

/** A connection. */
export class Connection {
  readonly #endpoint: Endpoint;
  readonly #clock: Clock;

  constructor(endpoint: Endpoint, clock: Clock) {
    this.#endpoint = endpoint;
    this.#clock = clock;
  }

  get state(): ConnectionState {
    return this.#endpoint.state;
  }

  /** QPN of the remote RC queue pair; 0 while it is unknown. */
  get remoteQpn(): number {
    return this.#endpoint.remoteQpn;
  }

  /** Active side: confirms the reply (RTU). No effect unless `onReply` was called and the connection has not ended. */
  confirm(): void {
    if (this.#endpoint instanceof ActiveEndpoint) this.#endpoint.confirm();
  }

  /** Active side: rejects the reply, with a reason of `RejectReason`. No effect at other times. */
  reject(reason: number): void {
    if (this.#endpoint instanceof ActiveEndpoint) {
      this.#endpoint.reject(reason, this.#clock.now());
    }
  }

  /**
   * Passive side: establishes the connection, and calls `onEstablished`, if the RTU has not arrived. The consumer calls
   * it when the queue pair has received a message.
   */
  noticeTraffic(): void {
    if (this.#endpoint instanceof PassiveEndpoint) {
      this.#endpoint.noticeTraffic();
    }
  }

  /** Ends the connection in any state. Afterwards no callback is called. */
  disconnect(): void {
    this.#endpoint.disconnect(this.#clock.now());
  }
}

/** A received request for a connection. The consumer calls `accept` or `reject`, in the callback or later. */
export class ConnectionRequest {
  readonly #endpoint: PassiveEndpoint;
  readonly #clock: Clock;

  constructor(endpoint: PassiveEndpoint, clock: Clock) {
    this.#endpoint = endpoint;
    this.#clock = clock;
  }

  get serviceId(): bigint {
    return this.#endpoint.req.serviceId;
  }

  /** QPN of the remote RC queue pair. */
  get qpn(): number {
    return this.#endpoint.req.localQpn;
  }

  /** 92 bytes. */
  get privateData(): Uint8Array {
    return this.#endpoint.req.privateData;
  }

  /** 16 bytes. */
  get remoteGid(): Uint8Array {
    return this.#endpoint.req.primary.localGid;
  }

  get remoteLid(): number {
    return this.remote.path.dlid;
  }

  get pkey(): number {
    return this.#endpoint.req.pkey;
  }

  /** The remote end, for `RcQp.connect`. Its `receivePsn` is a random number, which the REP contains as StartingPSN. */
  get remote(): RcConnection {
    return this.#endpoint.remote;
  }

  /**
   * Accepts the request (REP) after the queue pair was connected. If the request has ended in the meantime, the new
   * connection ends with the reason "timeout" in the reactor's next turn.
   */
  accept(reply: AcceptOptions, events: ConnectionEvents): Connection {
    this.#endpoint.accept(reply, events, this.#clock.now());
    return new Connection(this.#endpoint, this.#clock);
  }

  /** Rejects the request, with a reason of `RejectReason` and at most 72 bytes of additional information. */
  reject(reason: number, ari: Uint8Array = NOTHING): void {
    this.#endpoint.reject(reason, ari, this.#clock.now());
  }
}
