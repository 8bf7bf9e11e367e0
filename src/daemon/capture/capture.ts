/**
 * One capture: waits for its client on a socket, passes it the ring, and records the packets of an interface until
 * either end closes the connection.
 *
 * The socket is in a directory of its own that only this user can enter, because it passes the contents of packets. It
 * is removed when the client has connected, or after {@linkcode CONNECT_MS}.
 */

import { ringBytes, RingWriter } from "../../capture/ring.ts";
import type { IpoibError } from "../../base/errors.ts";
import type { Millis } from "../../base/units.ts";
import type { HcaPort } from "../../hca/hca.ts";
import type { CaptureEdges } from "../../ipc/schema.ts";
import { makeRuntimeDirectory } from "../../ipc/runtime_directory.ts";
import type { IpoibInterface } from "../../ipoib/interface.ts";
import { Acceptor } from "../../system/acceptor.ts";
import type { Fd } from "../../system/fd.ts";
import { createMemory } from "../../system/memory.ts";
import type { Reactor, Timer } from "../../system/reactor.ts";
import { listen, send, takeWakes } from "../../system/unix_socket.ts";
import { Recorder } from "./recorder.ts";

/** Time within which the client must connect: the client waits as long for the reply with the path. */
const CONNECT_MS: Millis = 20_000;
/** Messages of the client that are read in a turn. It sends none. */
const MAX_MESSAGES = 16;

/** The objects that a capture uses, and its settings. */
export interface CaptureParts {
  readonly reactor: Reactor;
  readonly port: HcaPort;
  readonly iface: IpoibInterface;
  readonly edges: CaptureEdges;
  /** Bytes of the ring's records, a power of two. */
  readonly capacity: number;
  /** A new directory for the socket. */
  readonly directory: string;
  /** Called once, when the capture has ended by itself. */
  readonly ended: () => void;
}

/** See the comment at the top of this file. */
export class Capture {
  readonly iface: IpoibInterface;
  /** Path of the socket. */
  readonly socket: string;
  readonly #parts: CaptureParts;
  /** What to close at the end, in reverse order. */
  readonly #open = new DisposableStack();
  readonly #memory: Fd;
  readonly #ring: RingWriter;
  readonly #timer: Timer;
  #acceptor: Acceptor | undefined;

  /** Throws `E_MEMFD`, `E_MMAP`, `E_RUNTIME_DIR`, `E_SOCKET` and `E_SOCKET_PATH`. */
  constructor(parts: CaptureParts) {
    const { reactor, capacity, directory, iface } = parts;
    this.#parts = parts;
    this.iface = iface;
    this.socket = `${directory}/s`;
    using opened = new DisposableStack();
    this.#memory = opened.use(
      createMemory("ipoib-capture", ringBytes(capacity)),
    );
    this.#ring = opened.use(new RingWriter(this.#memory.number, capacity));
    makeRuntimeDirectory(directory);
    opened.defer(() => this.#stopListening());
    this.#acceptor = new Acceptor({
      reactor,
      listener: listen(this.socket),
      take: (connection) => this.#connected(connection),
      failed: () => {},
    });
    this.#timer = opened.adopt(
      reactor.timer(() => this.#end()),
      (timer) => timer.close(),
    );
    this.#timer.at(reactor.clock.now() + CONNECT_MS);
    this.#open = opened.move();
  }

  /** Ends the capture. The client still reads what is in the ring. */
  close(): void {
    this.#open.dispose();
  }

  #connected(connection: Fd): void {
    const { reactor } = this.#parts;
    this.#open.use(connection);
    this.#timer.close();
    this.#stopListening();
    if (!send(connection.number, Uint8Array.of(1), [this.#memory.number])) {
      return this.#end();
    }
    this.#memory.close();
    const watch = reactor.watch(
      connection.number,
      () => {
        if (takeWakes(connection.number, MAX_MESSAGES) < 0) this.#end();
      },
      { failed: (_error: IpoibError) => this.#end() },
    );
    this.#open.defer(() => watch.close());
    this.#record(new Recorder(this.#ring));
  }

  #record(recorder: Recorder): void {
    const { port, iface, edges } = this.#parts;
    const open = this.#open;
    const { dropObservers } = iface.statistics;
    open.defer(dropObservers.add((packet) => recorder.dropped(packet)));
    if (edges !== "fabric") {
      open.defer(
        iface.netdev.observeFrames((direction, frame) =>
          recorder.frame(direction, frame)
        ),
      );
    }
    if (edges === "host") return;
    open.defer(port.observe((packet) => {
      if (packet.udQpn === iface.qpn) recorder.packet(packet);
    }));
    open.defer(port.observeMads((mad) => recorder.mad(mad, port.attributes)));
  }

  #stopListening(): void {
    if (!this.#acceptor) return;
    this.#acceptor.close();
    this.#acceptor = undefined;
    try {
      Deno.removeSync(this.#parts.directory, { recursive: true });
    } catch {
      // Another process has removed it.
    }
  }

  #end(): void {
    this.close();
    this.#parts.ended();
  }
}
