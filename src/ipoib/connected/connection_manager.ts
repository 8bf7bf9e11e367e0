/** The part of the connection manager that an interface uses. */

import type { Millis } from "../../base/units.ts";
import type { RcConnection } from "../../hca/hca.ts";
import type { PathRecord } from "../../wire/sa/path_record.ts";

export interface ConnectOptions {
  readonly serviceId: bigint;
  readonly path: PathRecord;
  /** Index of the P_Key in the port's table. */
  readonly pkeyIndex: number;
  /** QPN of the local RC queue pair. */
  readonly qpn: number;
  /** PSN with which the remote end starts sending. */
  readonly startingPsn: number;
  readonly privateData: Uint8Array;
  readonly srq: boolean;
  /** Bound on the whole establishment. */
  readonly timeout: Millis;
}

export interface ConnectionReply {
  readonly qpn: number;
  readonly privateData: Uint8Array;
  readonly remote: RcConnection;
}

export type ConnectionEnd =
  | { readonly why: "rejected"; readonly reason: number }
  | { readonly why: "timeout" | "disconnected" | "stale" | "send_failed" };

export interface ConnectionEvents {
  onReply?: (reply: ConnectionReply) => void;
  onEstablished?: () => void;
  onEnd: (end: ConnectionEnd) => void;
}

export interface Connection {
  confirm(): void;
  reject(reason: number): void;
  disconnect(): void;
}

export interface ConnectionRequest {
  readonly serviceId: bigint;
  readonly qpn: number;
  readonly privateData: Uint8Array;
  readonly remoteGid: Uint8Array;
  readonly remoteLid: number;
  readonly pkey: number;
  readonly remote: RcConnection;
  accept(
    reply: {
      qpn: number;
      startingPsn: number;
      privateData: Uint8Array;
      srq: boolean;
    },
    events: ConnectionEvents,
  ): Connection;
  reject(reason: number, ari?: Uint8Array): void;
}

export interface ConnectionManager {
  listen(
    serviceId: bigint,
    onRequest: (request: ConnectionRequest) => void,
  ): () => void;
  connect(options: ConnectOptions, events: ConnectionEvents): Connection;
}
