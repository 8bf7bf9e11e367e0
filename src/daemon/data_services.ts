/**
 * Distribution of the interfaces of a process over data workers. The interfaces of a worker share its thread, its
 * reactor and the modules that it has loaded: a worker takes about 20 MB. An uncaught error ends all of them.
 */

import type { DataCalls } from "./commands/context.ts";
import type { RestartCalls } from "./restart/calls.ts";
import { Service } from "./thread/service.ts";
import { WorkerThread } from "./thread/worker_thread.ts";
import type { WorkerAnswers } from "./worker_requests.ts";

/** The main-thread part of the data path of an interface. */
export type DataService = Service<DataCalls & WorkerAnswers & RestartCalls>;

/** Most data workers without `--threads`: ten interfaces then take less than 200 MB. */
const MAX_THREADS = 6;

/**
 * Returns the services of `interfaces` interfaces, in at most `threads` data workers.
 *
 * @param threads default: one for each processor, at most {@linkcode MAX_THREADS}
 */
export function dataServices(
  interfaces: number,
  threads: number = Math.min(navigator.hardwareConcurrency, MAX_THREADS),
): DataService[] {
  const workers = Array.from(
    { length: Math.min(interfaces, threads) },
    () => new WorkerThread(new URL("./data_worker.ts", import.meta.url)),
  );
  return Array.from(
    { length: interfaces },
    (_, i) => new Service(workers[i % workers.length]!),
  );
}
