/** Serialization of calls to a worker that have large results. */

import { IpoibError } from "../../base/errors.ts";
import type { CallContext } from "../../ipc/server.ts";

/**
 * Creates a queue that runs one call at a time, because nothing else limits the memory of the messages between threads.
 * A call whose client has disconnected does not run and rejects with `E_IPC_CLOSED`.
 */
export function inTurn(): <T>(
  context: CallContext,
  call: () => Promise<T>,
) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return <T>(context: CallContext, call: () => Promise<T>) => {
    const answer = last.then(() => {
      if (context.gone()) {
        throw new IpoibError("E_IPC_CLOSED", "Client disconnected");
      }
      return call();
    });
    const over = () => {};
    last = answer.then(over, over);
    return answer;
  };
}
