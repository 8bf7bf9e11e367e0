/** Calls of a worker whose answers are large, one after the other. */

import { IpoibError } from "../../base/errors.ts";
import type { CallContext } from "../../ipc/server.ts";
import type { WorkerThread } from "./main_side.ts";

/**
 * Calls the worker for one client at a time, so that one answer at most is between the threads: what is on its way there
 * has no bound of its own. A call whose client has gone is left out.
 */
export function inTurn(
  thread: WorkerThread,
): <T>(
  method: string,
  params: unknown,
  context: CallContext,
) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return <T>(method: string, params: unknown, context: CallContext) => {
    const answer = last.then(() => {
      if (context.gone()) throw new IpoibError("E_IPC_CLOSED", "Client ended");
      return thread.call<T>(method, params);
    });
    const over = () => {};
    last = answer.then(over, over);
    return answer;
  };
}
