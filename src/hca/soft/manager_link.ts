/**
 * The port's connection to the subnet manager: registration, events, MADs.
 *
 * When the manager dies, the connection hangs up. The port keeps its configuration (LID, P_Keys, forwarding tables), so
 * that traffic continues, reports that the manager is missing, and retries every {@linkcode RETRY_MS} until a manager
 * listens. It passes its LID and its group memberships to the new manager.
 *
 * A stopped manager does not hang up. The port pings it every {@linkcode PING_MS}; a manager that leaves
 * {@linkcode MAX_PINGS} pings in a row unanswered is reported as missing too. Before each ping the port checks whether
 * the socket file has been replaced, which means that another manager has taken over. If so, it connects to that
 * manager.
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

/** Interval between connection attempts while there is no manager. */
const RETRY_MS: Millis = 50;
/** Interval between pings. */
const PING_MS: Millis = 2000;
/** Number of unanswered pings after which the manager is missing. */
const MAX_PINGS = 3;
const MESSAGES_PER_TURN = 64;
/** Maximum number of messages queued while the socket is full. More messages end the connection. */
const MAX_QUEUED = 256;

/** The port's callbacks for its connection to the manager. */
export interface ManagerListener {
  /** Returns the registration to send on a new connection. */
  hello(): Omit<Hello, "type" | "version">;
  /** Returns the memberships to send after the registration. */
  memberships(): readonly Membership[];
  onMessage(message: ManagerMessage): void;
  onMad(mad: Uint8Array, from: MadAddress): void;
  /** Called at each connection attempt without a manager, and with `silent` if the manager does not answer. */
  onMissing(silent: boolean): void;
  /** Called after a system call failed. The connection has ended and is retried. */
  failed(error: IpoibError): void;
}

/** The connection of one port to the current manager. */
export class ManagerLink {
  readonly #reactor: Reactor;
  readonly #path: string;
  readonly #listener: ManagerListener;
  readonly #retry: Timer;
  readonly #watchdog: Timer;
  readonly #queue: Uint8Array<ArrayBuffer>[] = [];
  #connection: Fd | undefined;
  #watch: Watch | undefined;
  /** Inode of the socket file at the time of the connection. */
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

  /** Connects, and retries until it succeeds. */
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

  /** Sends a MAD. Returns false if it is dropped because there is no manager or the socket is full. */
  sendMad(mad: Uint8Array, to: MadAddress): boolean {
    if (!this.#connection || this.#queue.length > 0) return false;
    return send(
      this.#connection.number,
      encodeMad(mad, to) as Uint8Array<ArrayBuffer>,
    );
  }

  /** Requests a snapshot of the subnet. */
  show(id: number): void {
    this.#send({ type: "show", id });
  }

  /** Confirms that the port applies the packet faults of this version. */
  faultsTaken(version: number): void {
    this.#send({ type: "faults_taken", version });
  }

  close(): void {
    this.#closed = true;
    this.#retry.close();
    this.#watchdog.close();
    this.#disconnect();
  }

  /** Connects and registers. Returns false if no process listens. */
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
    // The next connection sends all memberships again, and would also end here if it were opened now.
    if (queue.length > MAX_QUEUED) this.#disconnect();
    if (queue.length > 0 || !this.#connection) this.#retrySoon();
  }

  #onRetry(): void {
    if (this.#connection) this.#sendQueued();
    else this.connect();
  }

  #onWatchdog(): void {
    const connection = this.#connection;
    if (!connection) return;
    // Any message that arrived while this process was descheduled counts as an answer.
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

  /** Ends the connection and connects to the next manager. */
  #lose(): void {
    this.#disconnect();
    this.connect();
  }

  /** Reports a failed call. It may fail again, so the next attempt is delayed. */
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
