/** Messages between the main thread and a traffic worker. */

/** Round-trip times of answered echoes, in milliseconds. */
export interface RoundTrips {
  sent: number;
  received: number;
  min: number;
  avg: number;
  max: number;
}

/** A job. Namespaces are file descriptors of this process; addresses are signed 32-bit integers. */
export type Job =
  | {
    kind: "ping";
    namespace: number;
    to: number;
    count: number;
    intervalMs: number;
  }
  | { kind: "receive"; namespace: number; at: number; port: number }
  | {
    kind: "send";
    namespace: number;
    to: number;
    port: number;
    seconds: number;
  };

/** A message during a job. */
export type Progress =
  /** The receiver accepts a connection. */
  | { kind: "listening" }
  /** Bytes received in the last interval of about a second. */
  | { kind: "interval"; bytes: number; seconds: number };

/** A message of the worker. */
export type Report =
  | Progress
  | { kind: "pinged"; result: RoundTrips }
  | { kind: "received"; bytes: number; seconds: number }
  | { kind: "sent" }
  | { kind: "failed"; message: string };
