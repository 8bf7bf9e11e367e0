/**
 * The subnet manager on its socket: connections in, frames out in order, time.
 *
 * A port that takes nothing (stopped) has its frames queued up to {@linkcode MAX_QUEUED}; beyond that it is
 * disconnected, and registers again when it goes on.
 */

import type { Millis } from "../../base/units.ts";
import type { Fd } from "../../system/fd.ts";
import type { Reactor, Timer, Watch } from "../../system/reactor.ts";
import { accept, listen, receive, send } from "../../system/unix_socket.ts";
import {
  SubnetManager,
  type SubnetManagerOptions,
} from "../../subnet/manager.ts";
import { FaultWait } from "./fault_wait.ts";

const MAX_QUEUED = 4096;
const RETRY_MS = 5;
const MESSAGES_PER_TURN = 64;

interface Connection {
  readonly fd: Fd;
  readonly watch: Watch;
  readonly queue: Uint8Array<ArrayBuffer>[];
}

export class ManagerHost {
  readonly #reactor: Reactor;
  /** Operations on it are followed by {@linkcode settle}. */
  readonly manager: SubnetManager;
  readonly #listener: Fd;
  readonly #listenWatch: Watch;
  readonly #tick: Timer;
  readonly #retry: Timer;
  readonly #faultWait: FaultWait;
  readonly #connections = new Map<number, Connection>();
  #nextId = 1;

  /** Serves at `path`, which must be free. */
  constructor(
    reactor: Reactor,
    path: string,
    options: Omit<SubnetManagerOptions, "send">,
  ) {
    this.#reactor = reactor;
    this.#tick = reactor.timer(() => this.settle());
    this.#retry = reactor.timer(() => this.#sendQueued());
    this.manager = new SubnetManager({
      ...options,
      send: (id, frame) => this.#send(id, frame),
    });
    this.#faultWait = new FaultWait(
      reactor,
      () => this.manager.portsWithoutFaults().length === 0,
    );
    this.#listener = listen(path);
    this.#listenWatch = reactor.watch(
      this.#listener.number,
      () => this.#accept(),
    );
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
    this.#listenWatch.close();
    this.#listener.close();
    this.#tick.close();
    this.#retry.close();
    this.#faultWait.close();
    for (const { fd, watch } of this.#connections.values()) {
      watch.close();
      fd.close();
    }
    this.#connections.clear();
  }

  #accept(): void {
    for (;;) {
      const fd = accept(this.#listener.number);
      if (!fd) return;
      const id = this.#nextId++;
      const watch = this.#reactor.watch(fd.number, () => this.#drain(id));
      this.#connections.set(id, { fd, watch, queue: [] });
      this.manager.connect(id);
    }
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
    this.settle();
  }

  #disconnect(id: number): void {
    const connection = this.#connections.get(id);
    if (!connection) return;
    this.#connections.delete(id);
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
    this.#retry.at(this.#reactor.clock.now() + RETRY_MS);
  }

  #sendQueued(): void {
    let waiting = false;
    for (const [id, { fd, queue }] of [...this.#connections]) {
      while (queue.length > 0 && send(fd.number, queue[0]!)) queue.shift();
      if (queue.length > MAX_QUEUED) this.#disconnect(id);
      else if (queue.length > 0) waiting = true;
    }
    if (waiting) this.#retry.at(this.#reactor.clock.now() + RETRY_MS);
  }
}
