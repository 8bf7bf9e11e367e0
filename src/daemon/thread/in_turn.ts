/** Calls of a worker whose answers are large, one after the other. */

import { IpoibError } from "../../base/errors.ts";
import type { CallContext } from "../../ipc/server.ts";

/**
 * Makes a queue of calls, so that one answer at most is between the threads: what is on its way there has no bound of its
 * own. A call whose client has gone is left out: it rejects with `E_IPC_CLOSED`.
 */
export function inTurn(): <T>(
  context: CallContext,
  call: () => Promise<T>,
) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return <T>(context: CallContext, call: () => Promise<T>) => {
    const answer = last.then(() => {
      if (context.gone()) throw new IpoibError("E_IPC_CLOSED", "Client ended");
      return call();
    });
    const over = () => {};
    last = answer.then(over, over);
    return answer;
  };
}
