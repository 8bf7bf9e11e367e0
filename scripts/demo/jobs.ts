/** What the main thread asks of a traffic worker, and what it hears. */

/** Times of answered echoes, in milliseconds. */
export interface RoundTrips {
  sent: number;
  received: number;
  min: number;
  avg: number;
  max: number;
}

/** Namespace descriptors are numbers of this process; addresses are signed 32-bit integers. */
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

/** Anything of a job but its end. */
export type Progress =
  /** The receiver may be connected to. */
  | { kind: "listening" }
  /** Bytes received in the last second or so. */
  | { kind: "interval"; bytes: number; seconds: number };

export type Report =
  | Progress
  | { kind: "pinged"; result: RoundTrips }
  | { kind: "received"; bytes: number; seconds: number }
  | { kind: "sent" }
  | { kind: "failed"; message: string };
