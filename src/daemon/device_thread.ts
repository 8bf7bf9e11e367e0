/**
 * A thread for system calls on the devices of children that wait for the kernel: the attachment of the next-hop
 * program, which waits for an RCU grace period, and the last close of a TAP, with which the kernel deletes the device.
 * They take tens of milliseconds, in which the data worker must carry the packets of the other interfaces.
 *
 * The thread starts with the first task. It gets tasks by `postMessage`, one at a time, and returns results in shared
 * memory, because a worker that blocks in its reactor receives no messages. While it cannot be started, because of a
 * limit on threads or descriptors, the data worker runs the tasks.
 */

import { IpoibError } from "../base/errors.ts";
import { getLogger } from "../base/log.ts";
import { createEventFd, drain } from "../system/event_fd.ts";
import { Fd } from "../system/fd.ts";
import type { Reactor, Watch } from "../system/reactor.ts";
import { type DeviceTask, runTask } from "./device_tasks.ts";

/** First message to the thread. */
export interface DeviceStart {
  readonly type: "start";
  /** Descriptor of the eventfd that the thread rings after each task. */
  readonly doorbell: number;
  /** Two words: the number of completed tasks, and the result of the last one. */
  readonly state: Int32Array<SharedArrayBuffer>;
}

/** Maximum time that {@linkcode DeviceThread.close} waits for a task. */
const MAX_TASK_MS = 5000;

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

  /**
   * Queues a task. Calls `done` from the reactor with the result: a descriptor, 0, or a negative errno. If the thread
   * cannot be started, runs the task and calls `done` before it returns.
   */
  run(task: DeviceTask, done: (result: number) => void = () => {}): void {
    if (!this.#start()) return done(runTask(task));
    this.#queue.push({ task, done });
    if (!this.#running) this.#next();
  }

  /** Calls `then` when all tasks queued so far have ended: at once if there are none. */
  afterTasks(then: () => void): void {
    if (this.#running) this.run({ type: "close", descriptors: [] }, then);
    else then();
  }

  /**
   * Waits for the running task, at most {@linkcode MAX_TASK_MS}, makes the remaining `close` calls in this thread, and
   * ends the thread. No `done` is called.
   */
  close(): void {
    if (this.#running) this.#await(this.#running.task);
    for (const { task } of this.#queue.splice(0)) {
      if (task.type === "close") runTask(task);
    }
    this.#worker?.terminate();
    this.#watch?.close();
    this.#doorbell?.close();
  }

  /** Waits for the running task and closes the descriptor that it returns. */
  #await(task: DeviceTask): void {
    const waited = Atomics.wait(this.#state, 0, this.#taken, MAX_TASK_MS);
    if (waited === "timed-out") {
      getLogger().warn(
        "A system call on the device of a child has not returned: not waiting for it",
      );
      return;
    }
    const result = Atomics.load(this.#state, 1);
    if (task.type === "attach" && result >= 0) new Fd(result).close();
  }

  #next(): void {
    this.#running = this.#queue.shift();
    if (!this.#running) return;
    this.#worker!.postMessage(this.#running.task);
  }

  /** Returns false if the thread does not run and cannot be started. */
  #start(): boolean {
    if (this.#worker) return true;
    using parts = new DisposableStack();
    try {
      const doorbell = parts.use(createEventFd());
      const worker = parts.adopt(
        new Worker(
          new URL("./device_worker.ts", import.meta.url),
          { type: "module" },
        ),
        (each) => each.terminate(),
      );
      worker.postMessage(
        {
          type: "start",
          doorbell: doorbell.number,
          state: this.#state,
        } satisfies DeviceStart,
      );
      this.#watch = this.#reactor.watch(doorbell.number, () => this.#take());
      this.#doorbell = doorbell;
      this.#worker = worker;
      parts.move();
      return true;
    } catch (error) {
      const { message } = IpoibError.from(error);
      getLogger().warn(
        `Cannot start a thread for the devices of children: ${message}`,
      );
      return false;
    }
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
