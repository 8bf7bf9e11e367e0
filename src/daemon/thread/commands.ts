/** Types of the commands of a worker, and the execution of a command. */

import type { MethodOf, Params, Result, Socket } from "../../ipc/schema.ts";

/** The calls that a worker serves, by name. */
export type Calls = Record<string, { params: unknown; result: unknown }>;

/** The methods of a socket that run in its worker. */
export type WorkerMethod<S extends Socket> = MethodOf<
  S,
  "worker" | "worker in turn"
>;

/** The calls of {@linkcode WorkerMethod}. */
export type MethodCalls<S extends Socket> = {
  [M in WorkerMethod<S>]: { params: Params<M>; result: Result<M> };
};

/** Starts an operation, which calls `done` with its result, or `fail` with an error. */
type Start<T> = (
  done: (result: T) => void,
  fail: (error: unknown) => void,
) => void;

/** A result that a callback of the reactor provides. Promises do not resolve while the reactor blocks the worker. */
export class Later<T> {
  /** Starts the operation, which calls `done` or `fail` once. An exception is sent as the reply. */
  readonly start: Start<T>;

  constructor(start: Start<T>) {
    this.start = start;
  }
}

/** A command for each call. An exception is sent as the reply. */
export type Commands<Context, C extends Calls> = {
  [N in keyof C]: (
    context: Context,
    params: C[N]["params"],
  ) => C[N]["result"] | Later<C[N]["result"]>;
};

/**
 * Runs a command. Calls `done` with its result, or `fail` with an error, immediately or from a callback of the reactor.
 */
export function runCommand<Context>(
  commands: Record<string, (context: Context, params: never) => unknown>,
  context: Context,
  name: string,
  params: unknown,
  done: (result: unknown) => void,
  fail: (error: unknown) => void,
): void {
  // The control socket has checked the parameters, or the compiler has.
  const result = commands[name]!(context, params as never);
  if (result instanceof Later) result.start(done, fail);
  else done(result);
}
