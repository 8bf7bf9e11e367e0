/** Handlers of a control socket for the methods that run in its worker, derived from the table of methods. */

import {
  type Method,
  methods,
  placeOf,
  type Socket,
} from "../../ipc/schema.ts";
import type { CallContext, HandlersOf } from "../../ipc/server.ts";
import type { MethodCalls, WorkerMethod } from "./commands.ts";
import { inTurn } from "./in_turn.ts";
import type { Service } from "./service.ts";

/** Returns a handler for each method of `socket` that runs in its worker. The handlers call `service`. */
export function forward<S extends Socket>(
  socket: S,
  service: Service<MethodCalls<S>>,
): HandlersOf<WorkerMethod<S>> {
  const callInTurn = inTurn();
  const handlers: [
    Method,
    (params: unknown, context: CallContext) => unknown,
  ][] = [];
  for (const method of Object.keys(methods) as WorkerMethod<S>[]) {
    const call = (params: unknown, { namespace }: CallContext) =>
      service.call(
        method,
        params as MethodCalls<S>[typeof method]["params"],
        namespace,
      );
    switch (placeOf(socket, method)) {
      case "worker":
        handlers.push([method, call]);
        break;
      case "worker in turn":
        handlers.push([
          method,
          (params, context) => callInTurn(context, () => call(params, context)),
        ]);
    }
  }
  // TypeScript cannot relate the list to the type of each method.
  return Object.fromEntries(handlers) as unknown as HandlersOf<
    WorkerMethod<S>
  >;
}
