/** Types of the handlers of a control socket, and the dispatch of a request to its handler. */

import { Errno } from "../base/errno.ts";
import * as v from "valibot";
import { IpoibError } from "../base/errors.ts";
import {
  isMethod,
  type Item,
  type Method,
  methods,
  type Params,
  type Result,
  type StreamMethod,
} from "./methods.ts";

/** Hint for errors that different versions of client and server can cause. */
export const OTHER_VERSION =
  "the running process may have another version than this program";

/** Context of one call. */
export interface CallContext {
  /** Aborted when the client has sent its last request, or when the connection or the server closes. */
  readonly signal: AbortSignal;
  /** Inode of the network namespace in which names are looked up first (envelope.ts). */
  readonly namespace?: bigint | undefined;
  /** Returns true if no reply can reach the client. */
  gone(): boolean;
  /** Runs `action`, for example one that ends the process, after the reply is written or the client is gone. */
  afterReply(action: () => void): void;
}

/** Context of a call of a method with a stream. */
export interface StreamContext<T> extends CallContext {
  /**
   * Sends an item to the client before the reply. If the client does not read, the oldest items are dropped, and the
   * client learns their number. Throws the errors of JSON.stringify.
   */
  send(item: T): void;
  /** Resolves when all items are written, or cannot be written: a client that reads then loses none of the next. */
  sent(): Promise<void>;
}

/** Handler of a method. An exception is sent as an error reply. */
export type Handler<M extends Method> = (
  params: Params<M>,
  context: M extends StreamMethod ? StreamContext<Item<M>> : CallContext,
) => Result<M> | Promise<Result<M>>;

/** A handler for each method in `M`. */
export type HandlersOf<M extends Method> = { [N in M]: Handler<N> };

/** The handlers of a server. A method without a handler is refused with `E_IPC_METHOD`. */
export type Handlers = Partial<HandlersOf<Method>>;

/**
 * Checks the parameters of a call and runs its handler.
 *
 * Throws `E_IPC_METHOD` (EOPNOTSUPP), `E_IPC_PARAMS` (EINVAL) and the errors of the handler.
 */
export async function dispatch(
  handlers: Handlers,
  method: string,
  params: unknown,
  context: StreamContext<unknown>,
): Promise<unknown> {
  if (!isMethod(method)) throw unknownMethod(method);
  // The table ties each handler to its own schema; TypeScript cannot follow that through an index.
  const handler = handlers[method] as
    | ((params: unknown, context: StreamContext<unknown>) => unknown)
    | undefined;
  if (!handler) throw unknownMethod(method);
  const checked = v.safeParse(methods[method].params, params ?? {});
  if (!checked.success) {
    const issue = checked.issues[0];
    const field = v.getDotPath(issue) ?? "params";
    throw new IpoibError(
      "E_IPC_PARAMS",
      `Invalid parameter "${field}" of ${method}: ${issue.message}`,
      {
        errno: Errno.EINVAL,
        ...(issue.type === "strict_object" ? { hint: OTHER_VERSION } : {}),
      },
    );
  }
  return await handler(checked.output, context);
}

function unknownMethod(method: string): IpoibError {
  return new IpoibError(
    "E_IPC_METHOD",
    `Unknown method "${method}"`,
    { errno: Errno.EOPNOTSUPP, hint: OTHER_VERSION },
  );
}
