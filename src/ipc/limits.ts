/** What the clients of one control socket may use of the process. */

import { MAX_RESPONSE } from "./envelope.ts";

export interface IpcLimits {
  /** Connections at one time. */
  connections: number;
  /** A connection without a request under way can be ended for another one after this time. */
  idleMs: number;
  /** Requests of one connection that are under way at one time. */
  calls: number;
  /** Bytes of replies and events that may wait for one client; one message may be longer. */
  unsent: number;
  /** The same for all clients together. */
  totalUnsent: number;
  /** The time from the first byte of a request to its last. */
  requestMs: number;
}

export const LIMITS: IpcLimits = {
  connections: 64,
  idleMs: 1000,
  calls: 8,
  unsent: 4 * 1024 * 1024,
  totalUnsent: MAX_RESPONSE,
  requestMs: 10_000,
};

/** Why a client was disconnected. */
export type EndReason =
  /** It left replies or events unread. */
  | "unread"
  /** Another one needed its connection. */
  | "evicted"
  /** It sent a part of a request and then nothing. */
  | "incomplete";
