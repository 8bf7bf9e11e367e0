/**
 * The port's connection to the subnet manager: registration, events, MADs.
 *
 * When the manager dies the connection hangs up. The port keeps what it was told (LID, P_Keys, fabric map), so that
 * traffic goes on, says that a manager is missing, and tries again every {@linkcode RETRY_MS} until one answers; to
 * the new one it brings its LID and its group memberships.
 *
 * A manager that has stopped does not hang up. The port asks it every {@linkcode PING_MS}; one that answers none of
 * {@linkcode MAX_PINGS} questions in a row is missing too. If another manager has taken its place, which the file of the
 * socket tells, the port goes there at once.
 */

import { IpoibError } from "../../base/errors.ts";
import type { Millis } from "../../base/units.ts";
import type { Fd } from "../../system/fd.ts";
import { linkInode } from "../../system/files.ts";
import type { Reactor, Timer, Watch } from "../../system/reactor.ts";
import { connect, receive, send } from "../../system/unix_socket.ts";
import {
  type Hello,
  type ManagerMessage,
  MAX_MEMBERSHIPS,
  type Membership,
  type PortMessage,
  PROTOCOL_VERSION,
} from "../../subnet/messages.ts";
import {
  decodeManagerFrame,
  encodeControl,
  encodeMad,
} from "../../subnet/protocol.ts";
import type { MadAddress } from "../../wire/mad.ts";

/** How often a port asks for a manager while there is none. */
const RETRY_MS: Millis = 50;
/** How often it asks the manager whether it is there. */
const PING_MS: Millis = 2000;
/** Questions without an answer after which the manager counts as missing. */
const MAX_PINGS = 3;
const MESSAGES_PER_TURN = 64;
/** Frames that wait for room in the socket; beyond that the connection ends. */
const MAX_QUEUED = 256;

/** What the port does with what the manager says. */
export interface ManagerListener {
  /** The registration to send, at each new connection. */
  hello(): Omit<Hello, "type" | "version">;
  /** The memberships to bring along behind it. */
  memberships(): readonly Membership[];
  onMessage(message: ManagerMessage): void;
  onMad(mad: Uint8Array, from: MadAddress): void;
  /** There is no manager, or (`silent`) it does not answer: another one is needed. */
  onMissing(silent: boolean): void;
  /** A call failed: the connection has ended, and is tried again. */
  failed(error: IpoibError): void;
}

/** See above. */
export class ManagerLink {
  readonly #reactor: Reactor;
  readonly #path: string;
  readonly #listener: ManagerListener;
  readonly #retry: Timer;
  readonly #watchdog: Timer;
  readonly #queue: Uint8Array<ArrayBuffer>[] = [];
  #connection: Fd | undefined;
  #watch: Watch | undefined;
  /** Which file the socket was. */
  #inode: bigint | undefined;
  #unanswered = 0;
  #closed = false;

  constructor(reactor: Reactor, path: string, listener: ManagerListener) {
    this.#reactor = reactor;
    this.#path = path;
    this.#listener = listener;
    this.#retry = reactor.timer(() => this.#onRetry());
    this.#watchdog = reactor.timer(() => this.#onWatchdog());
  }

  /** Connects, or keeps trying. */
  connect(): void {
    if (this.#connection || this.#closed) return;
    try {
      if (this.#open()) return;
      this.#listener.onMissing(false);
      this.#retrySoon();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Sends a MAD; lost while there is no manager or it takes nothing, as on a fabric. */
  sendMad(mad: Uint8Array, to: MadAddress): void {
    if (!this.#connection || this.#queue.length > 0) return;
    send(
      this.#connection.number,
      encodeMad(mad, to) as Uint8Array<ArrayBuffer>,
    );
  }

  /** Asks for a snapshot of the subnet. */
  show(id: number): void {
    this.#send({ type: "show", id });
  }

  /** Says that the port follows the packet faults of that version. */
  faultsTaken(version: number): void {
    this.#send({ type: "faults_taken", version });
  }

  close(): void {
    this.#closed = true;
    this.#retry.close();
    this.#watchdog.close();
    this.#disconnect();
  }

  /** False if nothing listens. */
  #open(): boolean {
    const inode = linkInode(this.#path);
    const connection = connect(this.#path);
    if (!connection) return false;
    this.#connection = connection;
    this.#inode = inode;
    this.#unanswered = 0;
    this.#watch = this.#reactor.watch(
      connection.number,
      () => this.#drain(connection),
      { failed: (error) => this.#fail(error) },
    );
    this.#watchdog.at(this.#reactor.clock.now() + PING_MS);
    this.#send({
      type: "hello",
      version: PROTOCOL_VERSION,
      ...this.#listener.hello(),
    });
    const memberships = this.#listener.memberships();
    for (let i = 0; i < memberships.length; i += MAX_MEMBERSHIPS) {
      this.#send({
        type: "memberships",
        memberships: memberships.slice(i, i + MAX_MEMBERSHIPS),
      });
    }
    return true;
  }

  #send(message: PortMessage): void {
    if (!this.#connection) return;
    this.#queue.push(encodeControl(message) as Uint8Array<ArrayBuffer>);
    this.#sendQueued();
  }

  #sendQueued(): void {
    const queue = this.#queue;
    const connection = this.#connection!;
    while (queue.length > 0 && send(connection.number, queue[0]!)) {
      queue.shift();
    }
    if (queue.length > MAX_QUEUED) this.#lose();
    else if (queue.length > 0) this.#retrySoon();
  }

  #onRetry(): void {
    if (this.#connection) this.#sendQueued();
    else this.connect();
  }

  #onWatchdog(): void {
    const connection = this.#connection;
    if (!connection) return;
    // What has come while this process did not run is an answer.
    this.#drain(connection);
    if (this.#connection !== connection) return;
    if (this.#hasSuccessor()) return this.#lose();
    if (this.#unanswered >= MAX_PINGS) {
      this.#disconnect();
      this.#listener.onMissing(true);
      return this.#retrySoon();
    }
    this.#unanswered++;
    this.#send({ type: "ping" });
    this.#watchdog.at(this.#reactor.clock.now() + PING_MS);
  }

  #hasSuccessor(): boolean {
    const inode = linkInode(this.#path);
    return inode !== undefined && inode !== this.#inode;
  }

  #drain(connection: Fd): void {
    for (let i = 0; i < MESSAGES_PER_TURN; i++) {
      const received = receive(connection.number);
      if (received.type === "empty") return;
      if (received.type === "closed") return this.#lose();
      this.#unanswered = 0;
      for (const fd of received.fds) fd.close();
      const frame = decodeManagerFrame(received.bytes);
      if (frame?.kind === "mad") this.#listener.onMad(frame.mad, frame.address);
      else if (frame) this.#listener.onMessage(frame.message);
      if (this.#connection !== connection) return;
    }
  }

  /** The connection has ended: looks for the next manager. */
  #lose(): void {
    this.#disconnect();
    this.connect();
  }

  /** A call failed. It may fail again, so the next manager is not looked for at once. */
  #fail(error: unknown): void {
    this.#disconnect();
    this.#listener.failed(IpoibError.from(error));
    this.#retrySoon();
  }

  #retrySoon(): void {
    this.#retry.at(this.#reactor.clock.now() + RETRY_MS);
  }

  #disconnect(): void {
    this.#watch?.close();
    this.#watch = undefined;
    this.#connection?.close();
    this.#connection = undefined;
    this.#queue.length = 0;
  }
}
