/** Main-thread part of a worker: starts the worker, calls it, receives its events, and ends it. */

import { IpoibError } from "../../base/errors.ts";
import { createEventFd, ring } from "../../system/event_fd.ts";
import type { Calls } from "./commands.ts";
import type { CallMessage, FromWorker, StartMessage } from "./protocol.ts";

interface Pending {
  resolve(result: unknown): void;
  reject(error: IpoibError): void;
}

/** A worker that serves the calls `C`. */
export class WorkerThread<C extends Calls> {
  /** Called for each event of the worker. */
  onEvent: (event: string, data: unknown) => void = () => {};
  /** Called if an uncaught error ends the worker. */
  onCrash: (error: IpoibError) => void = () => {};

  readonly #worker: Worker;
  readonly #doorbell = createEventFd();
  readonly #posted = new Int32Array(new SharedArrayBuffer(4));
  readonly #pending = new Map<number, Pending>();
  readonly #loaded = Promise.withResolvers<void>();
  readonly #started = Promise.withResolvers<void>();
  #nextId = 1;
  #ended = false;

  /** @param script module of the worker. Callers write it as a `new URL(...)` literal, which `deno compile` detects. */
  constructor(script: URL) {
    this.#worker = new Worker(script, { type: "module" });
    // Few callers wait for it.
    this.#loaded.promise.catch(() => {});
    this.#worker.onmessage = (event: MessageEvent<FromWorker>) =>
      this.#take(event.data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#crash(new IpoibError("E_WORKER", event.message));
    };
  }

  /** Resolves when the modules of the worker are loaded; the start then takes less time. Rejects if it crashes. */
  get loaded(): Promise<void> {
    return this.#loaded.promise;
  }

  /** Starts the worker with `init`. Throws the error of its start, `E_WORKER` if it crashes. */
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

  /**
   * Runs a command in the worker. Rejects with its error, or with `E_ENDED` or `E_WORKER` if the worker ends first.
   *
   * @param namespace inode of the network namespace in which names are looked up
   */
  call<N extends keyof C & string>(
    command: N,
    params: C[N]["params"],
    namespace?: bigint,
  ): Promise<C[N]["result"]> {
    return this.#call(command, params, namespace);
  }

  /** Closes the objects of the worker and ends it. Rejects with the error if they cannot be closed. */
  async close(): Promise<void> {
    if (this.#ended) return;
    await this.#call("close", {});
    this.terminate();
  }

  /** Ends the worker immediately. Pending calls reject with `E_ENDED`. */
  terminate(): void {
    this.#ended = true;
    this.#worker.terminate();
    this.#doorbell.close();
    this.#rejectAll(ended());
  }

  #call(
    command: string,
    params: unknown,
    namespace?: bigint,
  ): Promise<unknown> {
    if (this.#ended) return Promise.reject(ended());
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#pending.set(id, { resolve, reject });
    const message: CallMessage = {
      type: "call",
      ...{ id, command, params, namespace },
    };
    this.#worker.postMessage(message);
    Atomics.add(this.#posted, 0, 1);
    ring(this.#doorbell.number);
    return promise;
  }

  #rejectAll(error: IpoibError): void {
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
  }

  #take(message: FromWorker): void {
    switch (message.type) {
      case "loaded":
        this.#loaded.resolve();
        return;
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
    this.#loaded.reject(error);
    this.#started.reject(error);
    this.#rejectAll(error);
    this.onCrash(error);
  }
}

function ended(): IpoibError {
  return new IpoibError(
    "E_ENDED",
    "The interface or subnet manager is shutting down",
  );
}
