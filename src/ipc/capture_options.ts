/** Options of `ipoib capture`, which src/cli parses and src/capture uses. */

import type { CaptureEdges, CaptureRecord } from "./schema/capture_records.ts";

export const CAPTURE_DIRECTIONS = ["in", "out", "inout"] as const;

/** Snapshot length without option, which is that of tcpdump: longer than any packet. */
export const DEFAULT_SNAP_LENGTH = 262_144;

/** Options of a capture. */
export interface CaptureOptions {
  /** Name of the interface. */
  readonly name: string;
  readonly edges: CaptureEdges;
  /** Path of the file; "-" is standard output. Without it, a line for each packet is printed. */
  readonly file?: string;
  /** Number of packets after which the capture ends. */
  readonly count?: number;
  /** Maximum number of bytes of each packet to capture. */
  readonly snapLength: number;
  /** Seconds after which another file is started. */
  readonly rotateSeconds?: number;
  /** Millions of bytes after which another file is started. */
  readonly rotateMegabytes?: number;
  /** Maximum number of files. */
  readonly files?: number;
  readonly direction: (typeof CAPTURE_DIRECTIONS)[number];
  /** Expression of pcap-filter(7) with the words of capture/filter_words.ts; may be empty. */
  readonly filter: string;
  /** True to print nothing on standard error but failures. */
  readonly quiet: boolean;
}

/** Starts the capture in the process of the interface. */
export type StartCapture = () => Promise<CaptureRecord>;
