/**
 * The port's connection to the subnet manager: registration, events, MADs.
 *
 * When the manager dies the connection hangs up. The port keeps what it was told (LID, P_Keys, fabric map), so that
 * traffic goes on, says that a manager is missing, and tries again every {@linkcode RETRY_MS} until one answers; to
 * the new one it brings its LID and its group memberships.
 */

import type { Fd } from "../../system/fd.ts";
import type { Reactor, Timer, Watch } from "../../system/reactor.ts";
import { connect, receive, send } from "../../system/unix_socket.ts";
import {
  type Hello,
  type ManagerMessage,
  PROTOCOL_VERSION,
} from "../../subnet/messages.ts";
import {
  decodeManagerFrame,
  encodeControl,
  encodeMad,
} from "../../subnet/protocol.ts";
import type { MadAddress } from "../hca.ts";

/** How often a port asks for a manager while there is none. */
export const RETRY_MS = 50;
const MESSAGES_PER_TURN = 64;

/** What the port does with what the manager says. */
export interface ManagerListener {
  /** The registration to send, at each new connection. */
  hello(): Omit<Hello, "type" | "version">;
  onMessage(message: ManagerMessage): void;
  onMad(mad: Uint8Array, from: MadAddress): void;
  /** There is no manager: somebody should become one. */
  onMissing(): void;
}

/** See above. */
export class ManagerLink {
  readonly #reactor: Reactor;
  readonly #path: string;
  readonly #listener: ManagerListener;
  readonly #retry: Timer;
  #connection: Fd | undefined;
  #watch: Watch | undefined;
  #closed = false;

  constructor(reactor: Reactor, path: string, listener: ManagerListener) {
    this.#reactor = reactor;
    this.#path = path;
    this.#listener = listener;
    this.#retry = reactor.timer(() => this.connect());
  }

  /** Connects, or keeps trying. */
  connect(): void {
    if (this.#connection || this.#closed) return;
    const connection = connect(this.#path);
    if (!connection) {
      this.#listener.onMissing();
      this.#retry.at(this.#reactor.clock.now() + RETRY_MS);
      return;
    }
    this.#connection = connection;
    this.#watch = this.#reactor.watch(
      connection.number,
      () => this.#drain(connection),
    );
    this.#send(encodeControl({
      type: "hello",
      version: PROTOCOL_VERSION,
      ...this.#listener.hello(),
    }));
  }

  /** Sends a MAD; lost while there is no manager, as on a fabric. */
  sendMad(mad: Uint8Array, to: MadAddress): void {
    this.#send(encodeMad(mad, to));
  }

  /** Asks for a snapshot of the subnet. */
  show(id: number): void {
    this.#send(encodeControl({ type: "show", id }));
  }

  /** Says that the port follows the packet faults of that version. */
  faultsTaken(version: number): void {
    this.#send(encodeControl({ type: "faults_taken", version }));
  }

  close(): void {
    this.#closed = true;
    this.#retry.close();
    this.#disconnect();
  }

  #send(frame: Uint8Array): void {
    if (!this.#connection) return;
    send(this.#connection.number, frame as Uint8Array<ArrayBuffer>);
  }

  #drain(connection: Fd): void {
    for (let i = 0; i < MESSAGES_PER_TURN; i++) {
      const received = receive(connection.number);
      if (received.type === "empty") return;
      if (received.type === "closed") {
        this.#disconnect();
        this.connect();
        return;
      }
      for (const fd of received.fds) fd.close();
      const frame = decodeManagerFrame(received.bytes);
      if (frame?.kind === "mad") this.#listener.onMad(frame.mad, frame.address);
      else if (frame) this.#listener.onMessage(frame.message);
      if (this.#connection !== connection) return;
    }
  }

  #disconnect(): void {
    this.#watch?.close();
    this.#watch = undefined;
    this.#connection?.close();
    this.#connection = undefined;
  }
}
