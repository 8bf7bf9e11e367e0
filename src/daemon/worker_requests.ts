/**
 * Requests of the data worker for another libibumad worker, when the lost device of its port is back. The main thread
 * starts the worker (fabric_side.ts), because only it can create threads, and answers with a call of the data worker.
 */

import { IpoibError, type SerializedError } from "../base/errors.ts";
import type { WorkerEnd, WorkerRequest } from "../hca/verbs/port.ts";
import type { FabricSide } from "./fabric_side.ts";
import type { Service } from "./thread/service.ts";
import type { Emit } from "./thread/worker_side.ts";

/** Event of the data worker with a request. */
export const WORKER_WANTED = "worker-wanted";

/** The answers of the main thread. */
export type WorkerAnswers = {
  "worker.started": { params: WorkerEnd; result: unknown };
  "worker.failed": { params: SerializedError; result: unknown };
};

/** Main-thread part: starts another worker for the port, and answers the request of its data worker. */
export async function answerRequest(
  fabric: Pick<FabricSide, "startWorker">,
  service: Pick<Service<WorkerAnswers>, "call">,
): Promise<void> {
  try {
    const end = await fabric.startWorker?.();
    if (end) await service.call("worker.started", end);
  } catch (error) {
    const failure = IpoibError.from(error).toJSON();
    // The interface may be ending.
    await service.call("worker.failed", failure).catch(() => {});
  }
}

/** Data worker's part. */
export class WorkerRequests {
  readonly #emit: Emit;
  #pending: Parameters<WorkerRequest> | undefined;

  constructor(emit: Emit) {
    this.#emit = emit;
  }

  readonly request: WorkerRequest = (started, failed) => {
    this.#pending = [started, failed];
    this.#emit(WORKER_WANTED, {});
  };

  /** Handles a call of the main thread. Returns false if it is not an answer. */
  answer(name: string, params: unknown): boolean {
    const [started, failed] = this.#pending ?? [];
    if (name === "worker.started") started?.(params as WorkerEnd);
    else if (name === "worker.failed") failed?.(IpoibError.from(params));
    else return false;
    return true;
  }
}
