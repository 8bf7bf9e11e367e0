/**
 * `ipoib capture`: takes records from the ring, filters them, and writes them to a file or prints them, until a signal,
 * the requested number of packets, the end of the interface, or the end of the reader.
 */

import type {
  CaptureEvent,
  CaptureOptions,
  CaptureSource,
} from "../ipc/capture_options.ts";
import type { CaptureRecord } from "../ipc/schema.ts";
import { CaptureConnection } from "./connection.ts";
import { CaptureFile, type Sink } from "./capture_file.ts";
import { compileFilter, type Filter } from "./filter.ts";
import { type Frame, FrameComposer } from "./frames.ts";
import { Packet } from "./packet.ts";
import { eventLine, packetLine } from "./packet_line.ts";

/** Intervals at which the ring is read: while packets arrive, and while there are none. */
const BUSY_MS = 1;
const IDLE_MS = 10;
/** Records taken before signals are handled again. */
const RECORDS_PER_TURN = 8192;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Output streams. */
export interface CaptureStreams {
  out(text: string): void;
  /** True once a call of `out` has found that the reader of standard output has ended. */
  readonly outEnded: boolean;
  err(text: string): void;
}

/**
 * Captures until the end and returns the exit code, 0. Throws `E_FILTER`, `E_LIBRARY`, `E_CAPTURE_FILE`, and the errors
 * of `source` and {@linkcode CaptureConnection.open}.
 */
export async function capture(
  options: CaptureOptions,
  source: CaptureSource,
  streams: CaptureStreams,
): Promise<number> {
  const filter = compileFilter(options.filter);
  const events: CaptureEvent[] = [];
  using following = new DisposableStack();
  if (options.events) {
    following.use(await source.follow((event) => events.push(event)));
  }
  const record = await source.start();
  using connection = await CaptureConnection.open(options.name, record);
  const parts = { options, record, connection, filter, events, streams };
  const run = new CaptureRun(parts);
  return await run.run();
}

/** What a capture that runs uses. */
interface CaptureRunParts {
  readonly options: CaptureOptions;
  readonly record: CaptureRecord;
  readonly connection: CaptureConnection;
  readonly filter: Filter;
  /** Events to write, oldest first. */
  readonly events: CaptureEvent[];
  readonly streams: CaptureStreams;
}

/** A capture that runs. */
class CaptureRun {
  readonly #options: CaptureOptions;
  readonly #record: CaptureRecord;
  readonly #connection: CaptureConnection;
  readonly #filter: Filter;
  readonly #events: CaptureEvent[];
  readonly #streams: CaptureStreams;
  readonly #packet = new Packet();
  readonly #composer: FrameComposer;
  readonly #file: CaptureFile | undefined;
  #lines: string[] = [];
  /** Packets written or printed, those that matched the filter and the direction, and events. */
  #captured = 0;
  #matched = 0;
  #eventCount = 0;
  #stopped = false;

  constructor(parts: CaptureRunParts) {
    const { options, record, connection } = parts;
    this.#options = options;
    this.#record = record;
    this.#connection = connection;
    this.#filter = parts.filter;
    this.#events = parts.events;
    this.#streams = parts.streams;
    this.#composer = new FrameComposer(options.snapLength);
    const { file } = options;
    this.#file = file === undefined ? undefined : new CaptureFile({
      options: { ...options, file },
      device: `${record.device} port ${record.port}`,
      open: openSink,
      lost: () => connection.ring.lost,
    });
  }

  async run(): Promise<number> {
    const stop = () => void (this.#stopped = true);
    for (const signal of SIGNALS) Deno.addSignalListener(signal, stop);
    this.#file?.open(now());
    this.#say(`capturing on ${this.#options.name}, ${this.#whatAndWhere()}\n`);
    let interfaceEnded = false;
    try {
      while (!this.#stopped) {
        // Before the ring is read, so that it is empty after the last time.
        interfaceEnded = this.#connection.ended;
        const taken = this.#drain();
        this.#takeEvents();
        if (taken === 0) this.#turnFile();
        this.#flush();
        if (interfaceEnded && taken === 0) break;
        await pause(taken > 0 ? BUSY_MS : IDLE_MS);
      }
      const readable = !this.#streams.outEnded;
      if (readable && this.#captured !== this.#options.count) this.#drainRest();
      this.#flush();
      this.#file?.close();
    } catch (error) {
      // The reader of standard output or of a FIFO has ended.
      if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    } finally {
      for (const signal of SIGNALS) Deno.removeSignalListener(signal, stop);
    }
    this.#report(interfaceEnded);
    return 0;
  }

  /** Starts another file if it is time and no packet of the old one is left in the ring. */
  #turnFile(): void {
    this.#file?.turn(now());
    if (this.#file?.full) this.#stopped = true;
  }

  /** Takes what was in the ring, and the events that had arrived, when a signal arrived. */
  #drainRest(): void {
    this.#stopped = false;
    this.#drain();
    this.#takeEvents();
  }

  /** Takes the events that have arrived. */
  #takeEvents(): void {
    for (const event of this.#stopped ? [] : this.#events.splice(0)) {
      if (!this.#file) this.#lines.push(eventLine(event));
      else this.#file.writeEvent(event);
      if (this.#file?.full) {
        this.#stopped = true;
        return;
      }
      this.#eventCount++;
    }
  }

  /** Takes records and returns their number. */
  #drain(): number {
    const { ring } = this.#connection;
    let taken = 0;
    while (taken < RECORDS_PER_TURN && !this.#stopped) {
      const at = ring.take();
      if (at < 0) break;
      taken++;
      const valid = this.#packet.load(ring, at);
      ring.release();
      if (valid) this.#take(this.#packet);
    }
    return taken;
  }

  #take(packet: Packet): void {
    const { direction } = this.#options;
    if (direction !== "inout" && packet.sent !== (direction === "out")) return;
    if (!this.#filter(packet)) return;
    const reason = this.#record.reasons[packet.reason];
    const comment = reason === undefined ? undefined : `dropped: ${reason}`;
    this.#composer.forEach(packet, (frame) => this.#emit(frame, comment));
  }

  /** @param dropped why the packet was dropped */
  #emit(frame: Frame, dropped: string | undefined): void {
    this.#matched++;
    if (this.#stopped) return;
    const packet = this.#packet;
    const comment = dropped ?? frame.comment;
    if (!this.#file) this.#lines.push(packetLine(packet, frame, dropped));
    else {
      const { seconds, nanoseconds, sent } = packet;
      const direction = sent ? "outbound" : "inbound";
      this.#file.write({ frame, seconds, nanoseconds, direction, comment });
      if (this.#file.full) {
        this.#stopped = true;
        return;
      }
    }
    this.#captured++;
    if (this.#captured === this.#options.count) this.#stopped = true;
  }

  #flush(): void {
    this.#file?.flush();
    if (this.#lines.length === 0) return;
    this.#streams.out(`${this.#lines.join("\n")}\n`);
    this.#lines = [];
    if (this.#streams.outEnded) this.#stopped = true;
  }

  #whatAndWhere(): string {
    const { edges, file, filter } = this.#options;
    const what = edges === "both" ? "both edges" : `${edges} edge`;
    const where = this.#file === undefined || file === "-"
      ? ""
      : ` to ${this.#file.path}`;
    return `${what}${where}${filter === "" ? "" : `, filter "${filter}"`}`;
  }

  #report(interfaceEnded: boolean): void {
    const { name, events } = this.#options;
    if (interfaceEnded) this.#say(`${name} has ended\n`);
    this.#say(
      `${count(this.#captured)} captured\n` +
        `${count(this.#matched)} received by filter\n` +
        `${count(this.#connection.ring.lost)} lost by the capture\n`,
    );
    if (events) this.#say(`${this.#eventCount} events captured\n`);
  }

  #say(text: string): void {
    if (!this.#options.quiet) this.#streams.err(text);
  }
}

function count(packets: number): string {
  return packets === 1 ? "1 packet" : `${packets} packets`;
}

function openSink(path: string): Sink {
  if (path === "-") {
    return { writeSync: (bytes) => Deno.stdout.writeSync(bytes) };
  }
  return Deno.openSync(path, { write: true, create: true, truncate: true });
}

/** Returns the time in seconds since 1970. */
function now(): number {
  return Math.floor(Date.now() / 1000);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
