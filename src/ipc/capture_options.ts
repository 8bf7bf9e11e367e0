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
  /** True to capture the events of the process too. */
  readonly events: boolean;
  /** True to print nothing on standard error but failures. */
  readonly quiet: boolean;
}

/** An event in a capture: a line of `ipoib events` without the time. */
export interface CaptureEvent {
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  readonly text: string;
}

/** The process of the interface whose packets are captured. */
export interface CaptureSource {
  /** Starts the capture. Throws the refusals of the process. */
  start(): Promise<CaptureRecord>;
  /** Passes each further event of the process to `take`, until the process or the returned object ends. */
  follow(take: (event: CaptureEvent) => void): Promise<Disposable>;
}
