/**
 * Connects the subnet manager to its socket: accepts ports, queues frames to them, and runs the manager's timers.
 *
 * Frames to a port that does not read, such as that of a stopped process, are queued up to {@linkcode
 * MAX_QUEUED_BYTES}. Then the port is disconnected, and registers again when it continues. A connection on which no
 * port registers is closed after {@linkcode HELLO_MS}; there are at most {@linkcode MAX_UNREGISTERED} of them.
 *
 * An exception while the messages of a connection are processed ends only that connection, and is reported to
 * {@linkcode ManagerHostOptions.onFailure} like a failed accept(2).
 */

import { IpoibError } from "../../base/errors.ts";
import type { Millis } from "../../base/units.ts";
import { Acceptor } from "../../system/acceptor.ts";
import type { Fd } from "../../system/fd.ts";
import type { Reactor, Timer, Watch } from "../../system/reactor.ts";
import { peerPid } from "../../system/peer_credentials.ts";
import { listen, receive, send } from "../../system/unix_socket.ts";
import {
  SubnetManager,
  type SubnetManagerOptions,
} from "../../subnet/manager.ts";
import { FaultWait } from "./fault_wait.ts";

const MAX_QUEUED_BYTES = 4 * 1024 * 1024;
/** Interval of the attempts to send queued frames. */
const RETRY_MS: Millis = 5;
/** Maximum number of messages read from one connection per turn of the reactor. */
const MESSAGES_PER_TURN = 64;
/** Time limit for the registration on a new connection. */
const HELLO_MS: Millis = 5000;
/** Maximum number of connections without a registered port. Beyond that the oldest one is closed. */
const MAX_UNREGISTERED = 64;

interface Connection {
  readonly fd: Fd;
  readonly watch: Watch;
  readonly queue: Uint8Array<ArrayBuffer>[];
  queuedBytes: number;
}

export interface ManagerHostOptions extends Omit<SubnetManagerOptions, "send"> {
  /** Called for each connection that an exception has ended, and for each one that could not be accepted. */
  onFailure?: (error: IpoibError) => void;
}

export class ManagerHost {
  readonly #reactor: Reactor;
  /** The subnet manager. After an operation on it the caller must call {@linkcode settle}. */
  readonly manager: SubnetManager;
  readonly #onFailure: (error: IpoibError) => void;
  readonly #acceptor: Acceptor;
  readonly #tick: Timer;
  readonly #retry: Timer;
  readonly #helloTimer: Timer;
  readonly #faultWait: FaultWait;
  readonly #connections = new Map<number, Connection>();
  /** Connections on which no port has registered, with their deadlines; oldest first. */
  readonly #unregistered = new Map<number, Millis>();
  #nextId = 1;

  /** Listens at `path`, which must not exist. */
  constructor(reactor: Reactor, path: string, options: ManagerHostOptions) {
    this.#reactor = reactor;
    this.#onFailure = options.onFailure ?? (() => {});
    this.#tick = reactor.timer(() => this.settle());
    this.#retry = reactor.timer(() => this.#sendQueued());
    this.#helloTimer = reactor.timer((now) => this.#closeLate(now));
    this.manager = new SubnetManager({
      ...options,
      send: (id, frame) => this.#send(id, frame),
    });
    this.#faultWait = new FaultWait(
      reactor,
      () => this.manager.faults.unconfirmed().length === 0,
    );
    this.#acceptor = new Acceptor({
      reactor,
      listener: listen(path),
      take: (connection) => this.#take(connection),
      failed: this.#onFailure,
    });
  }

  /** Calls `done` when every port has applied the packet faults, or after the time limit of FaultWait. */
  whenFaultsApplied(done: () => void): void {
    this.#faultWait.add(done);
  }

  /** Time of the reactor's clock. */
  get now(): Millis {
    return this.#reactor.clock.now();
  }

  /** Runs due timers of the manager, schedules the next one, and checks waits for packet faults. */
  settle(): void {
    this.#tick.at(this.manager.tick(this.#reactor.clock.now()));
    this.#faultWait.check();
  }

  /** Closes the socket and all connections. */
  close(): void {
    this.#acceptor.close();
    this.#tick.close();
    this.#retry.close();
    this.#helloTimer.close();
    this.#faultWait.close();
    for (const { fd, watch } of this.#connections.values()) {
      watch.close();
      fd.close();
    }
    this.#connections.clear();
  }

  #take(fd: Fd): void {
    if (this.#unregistered.size >= MAX_UNREGISTERED) {
      const [oldest] = this.#unregistered.keys();
      this.#disconnect(oldest!);
    }
    const id = this.#nextId++;
    const watch = this.#reactor.watch(fd.number, () => this.#drain(id), {
      failed: (error) => this.#fail(id, error),
    });
    this.#connections.set(id, { fd, watch, queue: [], queuedBytes: 0 });
    this.#unregistered.set(id, this.now + HELLO_MS);
    if (this.#unregistered.size === 1) this.#helloTimer.at(this.now + HELLO_MS);
    this.manager.connect(id, peerPid(fd.number) ?? 0);
  }

  #drain(id: number): void {
    const now = this.#reactor.clock.now();
    for (let i = 0; i < MESSAGES_PER_TURN; i++) {
      const connection = this.#connections.get(id);
      if (!connection) return;
      const received = receive(connection.fd.number);
      if (received.type === "empty") break;
      if (received.type === "closed") {
        this.#disconnect(id);
        break;
      }
      for (const fd of received.fds) fd.close();
      this.manager.receive(id, received.bytes, now);
    }
    if (this.manager.isRegistered(id)) this.#unregistered.delete(id);
    this.settle();
  }

  #closeLate(now: Millis): void {
    for (const [id, until] of this.#unregistered) {
      if (until > now) return this.#helloTimer.at(until);
      this.#disconnect(id);
    }
  }

  #fail(id: number, error: IpoibError): void {
    this.#disconnect(id);
    this.settle();
    this.#onFailure(error);
  }

  #disconnect(id: number): void {
    const connection = this.#connections.get(id);
    if (!connection) return;
    this.#connections.delete(id);
    this.#unregistered.delete(id);
    connection.watch.close();
    connection.fd.close();
    this.manager.disconnect(id, this.#reactor.clock.now());
  }

  #send(id: number, frame: Uint8Array): void {
    const connection = this.#connections.get(id);
    if (!connection) return;
    const bytes = frame as Uint8Array<ArrayBuffer>;
    if (connection.queue.length === 0 && send(connection.fd.number, bytes)) {
      return;
    }
    connection.queue.push(bytes);
    connection.queuedBytes += bytes.length;
    this.#retry.at(this.#reactor.clock.now() + RETRY_MS);
  }

  #sendQueued(): void {
    let waiting = false;
    for (const [id, connection] of [...this.#connections]) {
      const { fd, queue } = connection;
      while (queue.length > 0 && send(fd.number, queue[0]!)) {
        connection.queuedBytes -= queue.shift()!.length;
      }
      if (connection.queuedBytes > MAX_QUEUED_BYTES) this.#disconnect(id);
      else if (queue.length > 0) waiting = true;
    }
    if (waiting) this.#retry.at(this.#reactor.clock.now() + RETRY_MS);
  }
}
