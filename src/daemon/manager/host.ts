/**
 * The subnet manager on its socket: connections in, frames out in order, time.
 *
 * A port that takes nothing (stopped) has its frames queued up to {@linkcode MAX_QUEUED_BYTES}; beyond that it is
 * disconnected, and registers again when it goes on. A connection on which no port registers is closed after
 * {@linkcode HELLO_MS}; there are at most {@linkcode MAX_UNREGISTERED} of them.
 *
 * What a port sends can end its own connection only: a call that fails, or an exception in what it made the manager do, is in the log.
 */

import { IpoibError } from "../../base/errors.ts";
import type { Millis } from "../../base/units.ts";
import { Acceptor } from "../../system/acceptor.ts";
import type { Fd } from "../../system/fd.ts";
import type { Reactor, Timer, Watch } from "../../system/reactor.ts";
import { listen, receive, send } from "../../system/unix_socket.ts";
import {
  SubnetManager,
  type SubnetManagerOptions,
} from "../../subnet/manager.ts";
import { FaultWait } from "./fault_wait.ts";

const MAX_QUEUED_BYTES = 4 * 1024 * 1024;
const RETRY_MS: Millis = 5;
const MESSAGES_PER_TURN = 64;
/** How long a connection may take to register. */
const HELLO_MS: Millis = 5000;
/** Connections without a port at a time; beyond that the oldest is closed. */
const MAX_UNREGISTERED = 64;

interface Connection {
  readonly fd: Fd;
  readonly watch: Watch;
  readonly queue: Uint8Array<ArrayBuffer>[];
  queuedBytes: number;
}

export interface ManagerHostOptions extends Omit<SubnetManagerOptions, "send"> {
  /** Told of each connection that ended because something failed. */
  onFailure?: (error: IpoibError) => void;
}

export class ManagerHost {
  readonly #reactor: Reactor;
  /** Operations on it are followed by {@linkcode settle}. */
  readonly manager: SubnetManager;
  readonly #onFailure: (error: IpoibError) => void;
  readonly #acceptor: Acceptor;
  readonly #tick: Timer;
  readonly #retry: Timer;
  readonly #patience: Timer;
  readonly #faultWait: FaultWait;
  readonly #connections = new Map<number, Connection>();
  /** Connections on which no port has registered yet, with the time until which it may; oldest first. */
  readonly #unregistered = new Map<number, Millis>();
  #nextId = 1;

  /** Serves at `path`, which must be free. */
  constructor(reactor: Reactor, path: string, options: ManagerHostOptions) {
    this.#reactor = reactor;
    this.#onFailure = options.onFailure ?? (() => {});
    this.#tick = reactor.timer(() => this.settle());
    this.#retry = reactor.timer(() => this.#sendQueued());
    this.#patience = reactor.timer((now) => this.#closeLate(now));
    this.manager = new SubnetManager({
      ...options,
      send: (id, frame) => this.#send(id, frame),
    });
    this.#faultWait = new FaultWait(
      reactor,
      () => this.manager.portsWithoutFaults().length === 0,
    );
    this.#acceptor = new Acceptor({
      reactor,
      listener: listen(path),
      take: (connection) => this.#take(connection),
      failed: this.#onFailure,
    });
  }

  /** Calls `done` once every port follows the packet faults, or does not answer. */
  whenFaultsTaken(done: () => void): void {
    this.#faultWait.add(done);
  }

  get now(): Millis {
    return this.#reactor.clock.now();
  }

  /** Looks at what is due after an operation on the manager. */
  settle(): void {
    this.#tick.at(this.manager.tick(this.#reactor.clock.now()));
    this.#faultWait.check();
  }

  close(): void {
    this.#acceptor.close();
    this.#tick.close();
    this.#retry.close();
    this.#patience.close();
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
    if (this.#unregistered.size === 1) this.#patience.at(this.now + HELLO_MS);
    this.manager.connect(id);
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
      if (until > now) return this.#patience.at(until);
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
