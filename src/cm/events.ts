/** Parameters and events of connections. */

import type { Millis } from "../base/units.ts";
import type { RcConnection } from "../hca/rc_qp.ts";
import type { PathRecord } from "../wire/sa/path_record.ts";

/** Parameters of a connection that this side opens. */
export interface ConnectOptions {
  readonly serviceId: bigint;
  readonly path: PathRecord;
  /** Index of the P_Key in the port's table. */
  readonly pkeyIndex: number;
  /** QPN of the local RC queue pair. */
  readonly qpn: number;
  /** PSN of the first packet that the remote end sends, 24 bits. */
  readonly startingPsn: number;
  /** At most 92 bytes. */
  readonly privateData: Uint8Array;
  /** Maximum time until the connection is confirmed. */
  readonly timeout: Millis;
}

/** The acceptance of a request. */
export interface ConnectionReply {
  /** QPN of the remote RC queue pair. */
  readonly qpn: number;
  /** 196 bytes. */
  readonly privateData: Uint8Array;
  /** The remote end, for `RcQp.connect`. */
  readonly remote: RcConnection;
}

/** Parameters of the acceptance of a request. */
export interface AcceptOptions {
  /** QPN of the local RC queue pair, which was connected to the `remote` of the request. */
  readonly qpn: number;
  /** At most 196 bytes. */
  readonly privateData: Uint8Array;
}

/** Reason of the end of a connection. */
export type ConnectionEnd =
  | { readonly why: "rejected"; readonly reason: number }
  | {
    readonly why:
      /** The remote end did not answer in time. */
      | "timeout"
      /** The remote end has ended the connection. */
      | "disconnected"
      /** The remote end uses the queue pair for another connection. */
      | "stale"
      /** The device has refused the last MAD. */
      | "send_failed";
  };

/**
 * Callbacks of a connection. They run in the reactor's loop; only `onEstablished` runs inside a method of the connection,
 * `noticeTraffic()`.
 */
export interface ConnectionEvents {
  /**
   * Active side: the request was accepted. The consumer connects the queue pair and then calls `confirm()`, or calls
   * `reject()`.
   */
  onReply?: (reply: ConnectionReply) => void;
  /** Passive side: the remote end has confirmed the connection, or {@linkcode Connection.noticeTraffic} was called. */
  onEstablished?: () => void;
  /** Called once when the connection ends, unless it ends by its own `disconnect()` or `reject()`. */
  onEnd: (end: ConnectionEnd) => void;
}
