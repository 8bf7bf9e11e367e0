/**
 * What the main thread and a worker say to each other.
 *
 * A worker blocks in its reactor, so a message to it is posted and then its doorbell (an eventfd) is rung; a
 * count of posted messages in shared memory tells the worker for how many it must give its event loop a
 * turn. The other way `postMessage` alone is enough.
 */

import type { SerializedError } from "../../base/errors.ts";

/** First message to a worker. */
export interface StartMessage<Init> {
  type: "start";
  /** Descriptor of the worker's doorbell. */
  doorbell: number;
  /** One word: messages posted to the worker after this one. */
  posted: Int32Array<SharedArrayBuffer>;
  init: Init;
}

/** A call, answered by {@linkcode ReplyMessage} with the same id. */
export interface CallMessage {
  type: "call";
  id: number;
  command: string;
  params: unknown;
}

export type ToWorker<Init> = StartMessage<Init> | CallMessage;

export type ReplyMessage =
  | { type: "reply"; id: number; ok: true; result: unknown }
  | { type: "reply"; id: number; ok: false; error: SerializedError };

/** Something happened. */
export interface EventMessage {
  type: "event";
  event: string;
  data: unknown;
}

export type FromWorker =
  | { type: "started" }
  | { type: "failed"; error: SerializedError }
  | ReplyMessage
  | EventMessage;
