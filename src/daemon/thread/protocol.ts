/**
 * Messages between the main thread and a worker.
 *
 * A worker runs one or more services on one reactor, each with its own number. The data worker runs one for each of its
 * interfaces; the other workers run one.
 *
 * A worker blocks in its reactor, so the main thread posts a message, increments a counter in shared memory, and rings
 * the doorbell (an eventfd) of the worker. The worker runs its event loop until it has received as many messages as the
 * counter indicates. In the other direction `postMessage` is sufficient.
 */

import type { SerializedError } from "../../base/errors.ts";

/** First message to a worker. */
export interface OpenMessage {
  type: "open";
  /** Descriptor of the worker's doorbell. */
  doorbell: number;
  /** One word: messages posted to the worker after this one. */
  posted: Int32Array<SharedArrayBuffer>;
}

/** Starts a service, answered by `started` or `failed`. */
export interface StartMessage<Init> {
  type: "start";
  service: number;
  init: Init;
}

/** A call, answered by {@linkcode ReplyMessage} with the same id. */
export interface CallMessage {
  type: "call";
  service: number;
  id: number;
  command: string;
  params: unknown;
  /** Inode of the network namespace in which names are looked up first. */
  namespace: bigint | undefined;
}

export type ToWorker<Init> = OpenMessage | StartMessage<Init> | CallMessage;

export type ReplyMessage =
  | { type: "reply"; id: number; ok: true; result: unknown }
  | { type: "reply"; id: number; ok: false; error: SerializedError };

/** An event of the service, without a reply. */
export interface EventMessage {
  type: "event";
  event: string;
  data: unknown;
}

/** A message of a service. */
export type FromService =
  | { type: "started" }
  | { type: "failed"; error: SerializedError }
  | ReplyMessage
  | EventMessage;

export type FromWorker =
  /** The modules of the worker are loaded. */
  | { type: "loaded" }
  | FromService & { service: number };
