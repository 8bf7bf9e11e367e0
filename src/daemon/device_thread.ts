/**
 * A thread for system calls on the devices of children that wait for the kernel: the attachment of the next-hop
 * program, which waits for an RCU grace period, and the last close of a TAP, with which the kernel deletes the device.
 * They take tens of milliseconds, in which the data worker must carry the packets of the other interfaces.
 *
 * The thread starts with the first task. It gets tasks by `postMessage`, one at a time, and returns results in shared
 * memory, because a worker that blocks in its reactor receives no messages.
 */

import { createEventFd, drain } from "../system/event_fd.ts";
import { closeAll, Fd } from "../system/fd.ts";
import type { Reactor, Watch } from "../system/reactor.ts";

/** First message to the thread. */
export interface DeviceStart {
  readonly type: "start";
  /** Descriptor of the eventfd that the thread rings after each task. */
  readonly doorbell: number;
  /** Two words: the number of completed tasks, and the result of the last one. */
  readonly state: Int32Array<SharedArrayBuffer>;
}

/** A task. All descriptors stay open until its end, except those that it closes. */
export type DeviceTask =
  | {
    readonly type: "attach";
    /** Descriptor of a loaded classifier. */
    readonly program: number;
    /** Descriptor of the network namespace of the interface. */
    readonly netns: number;
    readonly ifindex: number;
  }
  | { readonly type: "close"; readonly descriptors: readonly number[] };

interface Queued {
  readonly task: DeviceTask;
  readonly done: (result: number) => void;
}

export class DeviceThread {
  readonly #reactor: Reactor;
  readonly #state = new Int32Array(new SharedArrayBuffer(8));
  readonly #queue: Queued[] = [];
  #running: Queued | undefined;
  #worker: Worker | undefined;
  #doorbell: Fd | undefined;
  #watch: Watch | undefined;
  /** Number of completed tasks whose results were taken. */
  #taken = 0;

  constructor(reactor: Reactor) {
    this.#reactor = reactor;
  }

  /** Queues a task. Calls `done` from the reactor with the result: a descriptor, 0, or a negative errno. */
  run(task: DeviceTask, done: (result: number) => void = () => {}): void {
    this.#queue.push({ task, done });
    if (!this.#running) this.#next();
  }

  /** Calls `then` when all tasks queued so far have ended: at once if there are none. */
  afterTasks(then: () => void): void {
    if (this.#running) this.run({ type: "close", descriptors: [] }, then);
    else then();
  }

  /**
   * Waits for the running task, makes the remaining `close` calls in this thread, and ends the thread. No `done` is
   * called.
   */
  close(): void {
    if (this.#running) {
      const { task } = this.#running;
      Atomics.wait(this.#state, 0, this.#taken);
      const result = Atomics.load(this.#state, 1);
      if (task.type === "attach" && result >= 0) new Fd(result).close();
    }
    for (const { task } of this.#queue.splice(0)) {
      if (task.type === "close") closeAll(task.descriptors);
    }
    this.#worker?.terminate();
    this.#watch?.close();
    this.#doorbell?.close();
  }

  #next(): void {
    this.#running = this.#queue.shift();
    if (!this.#running) return;
    this.#worker ??= this.#start();
    this.#worker.postMessage(this.#running.task);
  }

  #start(): Worker {
    const doorbell = this.#doorbell = createEventFd();
    this.#watch = this.#reactor.watch(doorbell.number, () => this.#take());
    const worker = new Worker(
      new URL("./device_worker.ts", import.meta.url),
      { type: "module" },
    );
    worker.postMessage(
      {
        type: "start",
        doorbell: doorbell.number,
        state: this.#state,
      } satisfies DeviceStart,
    );
    return worker;
  }

  #take(): void {
    drain(this.#doorbell!.number);
    if (!this.#running || Atomics.load(this.#state, 0) === this.#taken) return;
    const { done } = this.#running;
    const result = Atomics.load(this.#state, 1);
    this.#taken++;
    this.#next();
    done(result);
  }
}
