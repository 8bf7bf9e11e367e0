/** Main-thread part of a service of a worker: starts the service, calls it, receives its events, and ends it. */

import { IpoibError } from "../../base/errors.ts";
import type { Calls } from "./commands.ts";
import type { FromService } from "./protocol.ts";
import type { ServiceEnd, WorkerThread } from "./worker_thread.ts";

interface Pending {
  resolve(result: unknown): void;
  reject(error: IpoibError): void;
}

/** A service that serves the calls `C`. */
export class Service<C extends Calls> implements ServiceEnd {
  /** Called for each event of the service. */
  onEvent: (event: string, data: unknown) => void = () => {};
  /** Called if an uncaught error ends the worker, and with it all its services. */
  onCrash: (error: IpoibError) => void = () => {};

  readonly #thread: WorkerThread;
  readonly #number: number;
  readonly #pending = new Map<number, Pending>();
  readonly #started = Promise.withResolvers<void>();
  #nextId = 1;
  #ended = false;

  /** Adds the service to `thread`, which must not have ended. */
  constructor(thread: WorkerThread) {
    this.#thread = thread;
    this.#number = thread.add(this);
    // The worker may crash before the start.
    this.#started.promise.catch(() => {});
  }

  /** Resolves when the modules of the worker are loaded; the start then takes less time. Rejects if it crashes. */
  get loaded(): Promise<void> {
    return this.#thread.loaded;
  }

  /** Starts the service with `init`. Throws the error of its start, `E_WORKER` if the worker crashes. */
  async start(init: unknown): Promise<void> {
    try {
      this.#thread.post({ type: "start", service: this.#number, init });
      await this.#started.promise;
    } catch (error) {
      await this.close().catch(() => this.terminate());
      throw error;
    }
  }

  /**
   * Runs a command in the service. Rejects with its error, or with `E_ENDED` or `E_WORKER` if the service ends first.
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

  /** Closes the objects of the service and ends it. Rejects with the error if they cannot be closed. */
  async close(): Promise<void> {
    if (this.#ended) return;
    const last = this.#thread.closing(this.#number);
    await this.#call("close", { last });
    this.terminate();
  }

  /** Ends the service immediately: its objects are closed only if the worker ends. Pending calls reject with `E_ENDED`. */
  terminate(): void {
    this.#ended = true;
    this.#thread.remove(this.#number);
    this.#rejectAll(ended());
  }

  take(message: FromService): void {
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

  crash(error: IpoibError): void {
    this.#ended = true;
    this.#started.reject(error);
    this.#rejectAll(error);
    this.onCrash(error);
  }

  #call(
    command: string,
    params: unknown,
    namespace?: bigint,
  ): Promise<unknown> {
    if (this.#ended) return Promise.reject(ended());
    const id = this.#nextId++;
    this.#thread.post({
      ...{ type: "call", service: this.#number },
      ...{ id, command, params, namespace },
    });
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#pending.set(id, { resolve, reject });
    return promise;
  }

  #rejectAll(error: IpoibError): void {
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
  }
}

function ended(): IpoibError {
  return new IpoibError(
    "E_ENDED",
    "The interface or subnet manager is shutting down",
  );
}
