/** Limits on the resources that the clients of one control socket use. */

import { MAX_RESPONSE } from "./envelope.ts";

export interface IpcLimits {
  /** Maximum number of connections. */
  connections: number;
  /** Time after which a connection without a request in progress counts as idle and is closed before others. */
  idleMs: number;
  /** Maximum number of concurrent requests of one connection. */
  calls: number;
  /** Maximum bytes queued for one client. A single message may be longer. */
  unsent: number;
  /** Maximum bytes of the items of one stream that wait to be sent. The oldest are dropped. A single item may be longer. */
  stream: number;
  /** Maximum bytes queued for all clients. */
  totalUnsent: number;
  /** Maximum time from the first byte of a request to its last byte. */
  requestMs: number;
}

export const LIMITS: IpcLimits = {
  connections: 64,
  idleMs: 1000,
  calls: 8,
  unsent: 4 * 1024 * 1024,
  stream: 256 * 1024,
  totalUnsent: MAX_RESPONSE,
  requestMs: 10_000,
};

/** Reason why the server disconnected a client. */
export type EndReason =
  /** The client did not read its replies. */
  | "unread"
  /** The limit on connections was reached. */
  | "evicted"
  /** The client sent an incomplete request. */
  | "incomplete";
