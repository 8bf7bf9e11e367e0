/**
 * The pcapng file of a capture, or its files if it starts others by time or size.
 *
 * Each file is complete in itself: a section header, an interface before its first packet, and a statistics block of
 * each interface at the end. The files belong to the user who captures.
 */

import { IpoibError } from "../base/errors.ts";
import { systemReason } from "../base/system_error.ts";
import type { CaptureEvent, CaptureOptions } from "../ipc/capture_options.ts";
import { VERSION } from "../ipc/version.ts";
import {
  type CapturedPacket,
  interfaceDescription,
  interfaceStatistics,
  journalEntry,
  LinkType,
  packetBlockLength,
  sectionHeader,
  writePacketBlock,
} from "../wire/pcapng.ts";
import { ERF_HEADER_LENGTH } from "../wire/erf.ts";
import type { Frame, FrameKind } from "./frames.ts";
import { fileName } from "./file_names.ts";

const BUFFER_BYTES = 1 << 18;
const MEGABYTE = 1_000_000;
/** Priority of the journal entries of events (syslog(3)). */
const NOTICE = "5";

/** The interfaces of a file, and the bytes before a packet that the snapshot length does not count. */
const KINDS = {
  packet: {
    linkType: LinkType.Erf,
    suffix: "",
    description: "InfiniBand packets",
    prefix: ERF_HEADER_LENGTH,
  },
  message: {
    linkType: LinkType.Ipoib,
    suffix: " (messages)",
    description: "messages of connections that are longer than a packet",
    prefix: 0,
  },
  host: {
    linkType: LinkType.Ethernet,
    suffix: " (host)",
    description: "frames of the network device, and dropped packets",
    prefix: 0,
  },
} as const;

/** The part of a file that writes: a file, or standard output. */
export interface Sink {
  writeSync(bytes: Uint8Array): number;
  close?(): void;
}

/** A packet to write. */
export type WrittenPacket =
  & Omit<CapturedPacket, "interfaceId" | "bytes" | "length">
  & { readonly frame: Frame };

/** What a file needs. */
export interface CaptureFileParts {
  readonly options: CaptureOptions & { readonly file: string };
  /** Device and port, for the descriptions of the interfaces. */
  readonly device: string;
  readonly open: (path: string) => Sink;
  /** Returns the number of packets that the capture has lost. */
  readonly lost: () => number;
}

/** See the comment at the top of this file. */
export class CaptureFile {
  /** True if the last file that the options allow is full. */
  full = false;
  readonly #parts: CaptureFileParts;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  readonly #view = new DataView(this.#buffer.buffer);
  #used = 0;
  #sink: Sink | undefined;
  #number = -1;
  #bytes = 0;
  #startedAt = 0;
  /** Kinds of the interfaces in the current file, in the order of their numbers, and the packets of each. */
  readonly #kinds: FrameKind[] = [];
  readonly #packets: number[] = [];
  #lostBefore = 0;
  #last = { seconds: 0, nanoseconds: 0 };

  constructor(parts: CaptureFileParts) {
    this.#parts = parts;
  }

  /** Opens the first file. Throws `E_CAPTURE_FILE`. */
  open(seconds: number): void {
    this.#start(seconds);
  }

  /** The path of the current file. */
  get path(): string {
    return this.#name(this.#startedAt);
  }

  /** Starts another file if it is time, also without packets. Throws `E_CAPTURE_FILE`. */
  turn(seconds: number): void {
    if (this.#parts.options.rotateSeconds !== undefined) this.#rotate(seconds);
  }

  /** Writes a packet, if necessary to another file. Throws `E_CAPTURE_FILE`. */
  write({ frame, ...packet }: WrittenPacket): void {
    this.#rotate(packet.seconds);
    if (this.full) return;
    const { bytes, length, kind } = frame;
    const interfaceId = this.#interfaceOf(kind);
    this.#packets[interfaceId]!++;
    const { seconds, nanoseconds } = packet;
    this.#last = { seconds, nanoseconds };
    const whole = { ...packet, interfaceId, bytes, length };
    const block = packetBlockLength(whole);
    this.#reserve(block);
    const at = this.#used;
    this.#used = writePacketBlock(this.#buffer, this.#view, at, whole);
    this.#bytes += block;
  }

  /** Writes an event, if necessary to another file. Throws `E_CAPTURE_FILE`. */
  writeEvent({ timeMs, text }: CaptureEvent): void {
    this.#rotate(Math.floor(timeMs / 1000));
    if (this.full) return;
    this.#append(journalEntry({
      __REALTIME_TIMESTAMP: `${timeMs * 1000}`,
      PRIORITY: NOTICE,
      SYSLOG_IDENTIFIER: "ipoib",
      MESSAGE: text,
    }));
  }

  /** Writes what is buffered. Throws `E_CAPTURE_FILE`, and Deno.errors.BrokenPipe if the reader of a pipe has ended. */
  flush(): void {
    let rest = this.#buffer.subarray(0, this.#used);
    this.#used = 0;
    try {
      while (rest.length > 0) rest = rest.subarray(this.#sink!.writeSync(rest));
    } catch (cause) {
      if (cause instanceof Deno.errors.BrokenPipe) throw cause;
      throw fileError("write", this.path, cause);
    }
  }

  /** Completes the current file. */
  close(): void {
    const sink = this.#sink;
    if (!sink) return;
    const lost = this.#parts.lost();
    const dropped = lost - this.#lostBefore;
    this.#lostBefore = lost;
    for (const [interfaceId, received] of this.#packets.entries()) {
      // Lost packets are not known by their edge.
      const each = { interfaceId, received, dropped, ...this.#last };
      this.#append(interfaceStatistics(each));
    }
    try {
      this.flush();
    } finally {
      this.#sink = undefined;
      sink.close?.();
    }
  }

  #start(seconds: number): void {
    const { open } = this.#parts;
    this.#number++;
    this.#startedAt = seconds;
    this.#bytes = 0;
    this.#kinds.length = 0;
    this.#packets.length = 0;
    const name = this.#name(seconds);
    try {
      this.#sink = open(name);
    } catch (cause) {
      throw fileError("open", name, cause);
    }
    this.#append(sectionHeader(`ipoib ${VERSION}`));
    const { edges } = this.#parts.options;
    this.#interfaceOf(edges === "host" ? "host" : "packet");
  }

  #rotate(seconds: number): void {
    const { rotateSeconds, rotateMegabytes, files } = this.#parts.options;
    const late = rotateSeconds !== undefined &&
      seconds - this.#startedAt >= rotateSeconds;
    const long = rotateMegabytes !== undefined &&
      this.#bytes >= rotateMegabytes * MEGABYTE;
    if (!late && !long) return;
    // By size, the numbers start again and the oldest file is replaced.
    const limited = files !== undefined && rotateSeconds !== undefined;
    if (limited && this.#number + 1 >= files) {
      this.full = true;
      return;
    }
    this.close();
    this.#start(seconds);
  }

  #name(seconds: number): string {
    const { file, rotateSeconds, rotateMegabytes, files } = this.#parts.options;
    return fileName(
      {
        path: file,
        byTime: rotateSeconds !== undefined,
        bySize: rotateMegabytes !== undefined,
        files,
      },
      this.#number,
      seconds,
    );
  }

  /** Returns the number of an interface, after writing its description before its first packet. */
  #interfaceOf(kind: FrameKind): number {
    const known = this.#kinds.indexOf(kind);
    if (known >= 0) return known;
    const { options: { name, snapLength, filter }, device } = this.#parts;
    const { linkType, suffix, description, prefix } = KINDS[kind];
    this.#append(interfaceDescription({
      linkType,
      name: `${name}${suffix}`,
      description: `${description} (${device})`,
      snapLength: prefix + snapLength,
      ...(filter === "" ? {} : { filter }),
    }));
    this.#packets.push(0);
    return this.#kinds.push(kind) - 1;
  }

  /** Makes space for a block in the buffer. */
  #reserve(length: number): void {
    if (this.#used + length > this.#buffer.length) this.flush();
  }

  #append(block: Uint8Array): void {
    this.#reserve(block.length);
    this.#buffer.set(block, this.#used);
    this.#used += block.length;
    this.#bytes += block.length;
  }
}

function fileError(action: string, name: string, cause: unknown): IpoibError {
  return new IpoibError(
    "E_CAPTURE_FILE",
    `Cannot ${action} "${name}": ${systemReason(cause)}`,
    { cause },
  );
}
