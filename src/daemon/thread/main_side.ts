/** The main thread's end of a worker: starting it, calling it, hearing of it, ending it. */

import { IpoibError } from "../../base/errors.ts";
import { createEventFd, ring } from "../../system/event_fd.ts";
import type { Calls } from "./commands.ts";
import type { FromWorker, StartMessage } from "./protocol.ts";

interface Pending {
  resolve(result: unknown): void;
  reject(error: IpoibError): void;
}

/** A running worker, and the calls that it answers. */
export class WorkerThread<C extends Calls> {
  /** Called for each event of the worker. */
  onEvent: (event: string, data: unknown) => void = () => {};
  /** Called if the worker dies of an error. */
  onCrash: (error: IpoibError) => void = () => {};

  readonly #worker: Worker;
  readonly #doorbell = createEventFd();
  readonly #posted = new Int32Array(new SharedArrayBuffer(4));
  readonly #pending = new Map<number, Pending>();
  readonly #started = Promise.withResolvers<void>();
  #nextId = 1;
  #ended = false;

  /** @param script the worker's module; named here by a URL literal so that compiling finds it */
  constructor(script: URL) {
    this.#worker = new Worker(script, { type: "module" });
    this.#worker.onmessage = (event: MessageEvent<FromWorker>) =>
      this.#take(event.data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#crash(new IpoibError("E_WORKER", event.message));
    };
  }

  /** Starts what the worker hosts; throws what its start threw. */
  async start(init: unknown): Promise<void> {
    const message: StartMessage<unknown> = {
      type: "start",
      doorbell: this.#doorbell.number,
      posted: this.#posted,
      init,
    };
    this.#worker.postMessage(message);
    try {
      await this.#started.promise;
    } catch (error) {
      this.terminate();
      throw error;
    }
  }

  /** Runs a command in the worker; rejects with its error, or `E_ENDED`, `E_WORKER` if the worker ends before it answers. */
  call<N extends keyof C & string>(
    command: N,
    params: C[N]["params"],
  ): Promise<C[N]["result"]> {
    return this.#call(command, params);
  }

  /** Has the worker close what it hosts, and ends it. */
  async close(): Promise<void> {
    if (this.#ended) return;
    await this.#call("close", {});
    this.terminate();
  }

  /** Ends the worker as it is. */
  terminate(): void {
    this.#ended = true;
    this.#worker.terminate();
    this.#doorbell.close();
    this.#giveUp(goingDown());
  }

  #call(command: string, params: unknown): Promise<unknown> {
    if (this.#ended) return Promise.reject(goingDown());
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#pending.set(id, { resolve, reject });
    this.#worker.postMessage({ type: "call", id, command, params });
    Atomics.add(this.#posted, 0, 1);
    ring(this.#doorbell.number);
    return promise;
  }

  #giveUp(error: IpoibError): void {
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
  }

  #take(message: FromWorker): void {
    switch (message.type) {
      case "started":
        this.#started.resolve();
        return;
      case "failed":
        this.#started.reject(IpoibError.from(message.error));
        return;
      case "event":
        this.onEvent(message.event, message.data);
        return;
      case "reply": {
        const pending = this.#pending.get(message.id);
        this.#pending.delete(message.id);
        if (message.ok) pending?.resolve(message.result);
        else pending?.reject(IpoibError.from(message.error));
      }
    }
  }

  #crash(error: IpoibError): void {
    this.#ended = true;
    this.#started.reject(error);
    this.#giveUp(error);
    this.onCrash(error);
  }
}

function goingDown(): IpoibError {
  return new IpoibError("E_ENDED", "The interface is going down");
}
