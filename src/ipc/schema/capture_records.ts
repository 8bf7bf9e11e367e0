/** Schemas of captures. */

import * as v from "valibot";
import { builtLater, count, u16 } from "./fields.ts";

/** The edges of an interface at which packets are captured. */
export const CAPTURE_EDGES = ["fabric", "host", "both"] as const;
export type CaptureEdges = typeof CAPTURE_EDGES[number];

/** Limits of the capacity of a capture's ring, in bytes, a power of two. */
export const MIN_CAPTURE_BYTES = 1 << 18;
export const MAX_CAPTURE_BYTES = 1 << 28;
export const DEFAULT_CAPTURE_BYTES = 1 << 24;

/** A capture that waits for its client. */
export const CaptureRecordSchema = builtLater(() =>
  v.object({
    /** Socket (SOCK_SEQPACKET) that passes the ring (capture/ring.ts) to the first client. The capture ends with it. */
    socket: v.string(),
    /** Version of the ring and its records. */
    version: count,
    /** Bytes of the ring's records. */
    capacity: count,
    /** Names of the drop reasons, which the records give by index. */
    reasons: v.array(v.string()),
    /** Device and number of the port, such as soft:default. */
    device: v.string(),
    port: u16,
  })
);
export type CaptureRecord = v.InferOutput<typeof CaptureRecordSchema>;
