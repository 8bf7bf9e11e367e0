/** Reliable connected (RC) queue pairs: the connections of connected mode. */

import type { IbMtu } from "../base/units.ts";
import type { AddressHandleAttributes } from "./address_handle.ts";
import type { PostResult } from "./post_result.ts";
import type { UdQp } from "./ud_qp.ts";

/** The remote end of a connection and the transport attributes (IBTA vol. 1 11.2.5.2, 12.6.5). */
export interface RcConnection {
  /** Path to the remote port. */
  readonly path: AddressHandleAttributes;
  /** IB MTU of the path; longer messages are sent in several packets. */
  readonly pathMtu: IbMtu;
  readonly destQpn: number;
  /** PSN of the first packet to send, and of the first one expected. 24 bits. */
  readonly sendPsn: number;
  readonly receivePsn: number;
  /** Local ACK timeout, 4.096 us * 2^n. 5 bits; 0 is infinite. */
  readonly ackTimeout: number;
  /** Retries after a lost packet, and after an RNR NAK (7: without limit). 3 bits each. */
  readonly retryCount: number;
  readonly rnrRetryCount: number;
}

/** Reasons for the failure of a connection (IBTA vol. 1 11.6.2). */
export type RcFailure =
  /** The remote queue pair did not acknowledge a message, or does not exist. */
  | "retry_exceeded"
  /** The remote queue pair had no receive buffer. */
  | "rnr_retry_exceeded"
  /** The remote queue pair rejected a message. */
  | "remote_error"
  /** The device reported another error. */
  | "local_error";

/**
 * A reliable connected (RC) queue pair. It has no queue of its own for received messages: they are polled from the
 * {@linkcode UdQp} that it was created with, with the flag `RxFlag.Connected`. A message is `IPoIB header (4) + packet` of up
 * to 65,524 bytes, as in a UD packet.
 *
 * A queue pair is created in the state INIT, where it receives nothing, and is connected once. After an error it sends
 * and receives nothing and must be closed.
 */
export interface RcQp {
  /** 24 bits. */
  readonly qpn: number;
  /** Number of received messages; a change shows that the connection is in use. */
  readonly received: number;
  /**
   * Sets the remote end and makes the queue pair ready to receive and to send. Throws `E_QP_STATE` if the device
   * refuses it, or if the queue pair is already connected or closed.
   */
  connect(to: RcConnection): void;
  /**
   * Posts `slot` with `length` bytes of payload after the IPoIB header. Consumes the slot whatever the result.
   * `NotReady` also means that the queue pair is not connected or has failed.
   */
  post(slot: number, length: number): PostResult;
  /**
   * Set by the creator; called once, from the reactor's loop, when the connection fails. Messages that were posted
   * before may be lost.
   */
  onFailure: (failure: RcFailure) => void;
  /** Closes the queue pair; drops messages that were not polled or not sent. */
  close(): void;
}

/** Options of an {@linkcode RcQp}. */
export interface RcQpOptions {
  pkeyIndex: number;
  /**
   * Queue pair of the same port that delivers received messages. The slots that the RC queue pair sends are of its
   * memory. Must be closed after the RC queue pair.
   */
  receiver: UdQp;
}
