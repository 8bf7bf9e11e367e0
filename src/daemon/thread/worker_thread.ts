/** Main-thread part of a worker: the thread, and the exchange of messages with its services. */

import { IpoibError } from "../../base/errors.ts";
import { createEventFd, ring } from "../../system/event_fd.ts";
import type {
  CallMessage,
  FromService,
  FromWorker,
  OpenMessage,
  StartMessage,
} from "./protocol.ts";

/** The end of a service in the main thread. */
export interface ServiceEnd {
  take(message: FromService): void;
  crash(error: IpoibError): void;
}

/** A worker. It ends when all services that were added to it have ended. */
export class WorkerThread {
  readonly #worker: Worker;
  readonly #doorbell = createEventFd();
  readonly #posted = new Int32Array(new SharedArrayBuffer(4));
  readonly #loaded = Promise.withResolvers<void>();
  readonly #services = new Map<number, ServiceEnd>();
  /** Numbers of the services that are not closing. */
  readonly #open = new Set<number>();
  #nextNumber = 1;
  #crash: IpoibError | undefined;

  /** @param script module of the worker. Callers write it as a `new URL(...)` literal, which `deno compile` detects. */
  constructor(script: URL) {
    this.#worker = new Worker(script, { type: "module" });
    // Few callers wait for it.
    this.#loaded.promise.catch(() => {});
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.type === "loaded") this.#loaded.resolve();
      else this.#services.get(data.service)?.take(data);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#crashed(new IpoibError("E_WORKER", event.message));
    };
    const open: OpenMessage = {
      type: "open",
      doorbell: this.#doorbell.number,
      posted: this.#posted,
    };
    this.#worker.postMessage(open);
  }

  /** Resolves when the modules of the worker are loaded; a start then takes less time. Rejects if the worker crashes. */
  get loaded(): Promise<void> {
    return this.#loaded.promise;
  }

  /** Adds a service. Returns its number. The worker must not have ended. */
  add(service: ServiceEnd): number {
    const number = this.#nextNumber++;
    this.#services.set(number, service);
    this.#open.add(number);
    return number;
  }

  /** Sends a message of a service to the worker. Throws `E_WORKER` if the worker has crashed. */
  post(message: StartMessage<unknown> | CallMessage): void {
    if (this.#crash) throw this.#crash;
    this.#worker.postMessage(message);
    Atomics.add(this.#posted, 0, 1);
    ring(this.#doorbell.number);
  }

  /** Marks a service as closing. Returns true if all services are: the worker then closes its reactor. */
  closing(service: number): boolean {
    this.#open.delete(service);
    return this.#open.size === 0;
  }

  /** Removes a service that has ended, and ends the worker after the last one. */
  remove(service: number): void {
    this.#open.delete(service);
    if (this.#services.delete(service) && this.#services.size === 0) {
      this.#end();
    }
  }

  #end(): void {
    this.#worker.terminate();
    this.#doorbell.close();
  }

  #crashed(error: IpoibError): void {
    this.#crash = error;
    this.#loaded.reject(error);
    const services = [...this.#services.values()];
    this.#services.clear();
    this.#end();
    for (const service of services) service.crash(error);
  }
}
