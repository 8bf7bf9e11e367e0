/** What answers the methods of a control socket, and the checks before it. */

import { Errno } from "../base/errno.ts";
import * as v from "valibot";
import { IpoibError } from "../base/errors.ts";
import {
  isMethod,
  type Method,
  methods,
  type Params,
  type Result,
} from "./methods.ts";

/** What a handler may know of its call. */
export interface CallContext {
  /** Aborted when the client sends nothing more or the server closes. */
  readonly signal: AbortSignal;
  /** True once no answer can reach the client. */
  gone(): boolean;
  /** Calls `action` once the answer has been written (or the client is gone): for what ends the process. */
  afterReply(action: () => void): void;
}

/** What answers a method. */
export type Handler<M extends Method> = (
  params: Params<M>,
  context: CallContext,
) => Result<M> | Promise<Result<M>>;

/** A handler for each of some methods. */
export type HandlersOf<M extends Method> = { [N in M]: Handler<N> };

/** What a server is given: methods without a handler are refused with `E_IPC_METHOD`. */
export type Handlers = Partial<HandlersOf<Method>>;

/**
 * Answers one call.
 *
 * Throws `E_IPC_METHOD`, `E_IPC_PARAMS` and what the handler throws.
 */
export async function dispatch(
  handlers: Handlers,
  method: string,
  params: unknown,
  context: CallContext,
): Promise<unknown> {
  if (!isMethod(method)) throw unknownMethod(method);
  // The table ties each handler to its own schema; TypeScript cannot follow that through an index.
  const handler = handlers[method] as
    | ((params: unknown, context: CallContext) => unknown)
    | undefined;
  if (!handler) throw unknownMethod(method);
  const checked = v.safeParse(methods[method].params, params ?? {});
  if (!checked.success) {
    const issue = checked.issues[0];
    const field = v.getDotPath(issue) ?? "params";
    throw new IpoibError(
      "E_IPC_PARAMS",
      `Parameter "${field}" of ${method} is wrong: ${issue.message}`,
      { errno: Errno.EINVAL },
    );
  }
  return await handler(checked.output, context);
}

function unknownMethod(method: string): IpoibError {
  return new IpoibError(
    "E_IPC_METHOD",
    `Method "${method}" is not known to this process`,
    {
      errno: Errno.EOPNOTSUPP,
      hint: "the running process and this program may differ",
    },
  );
}
