/** What a worker runs when it is called: a table of commands by name. */

import type { MethodOf, Params, Result, Socket } from "../../ipc/schema.ts";

/** The calls that a worker answers, by name. */
export type Calls = Record<string, { params: unknown; result: unknown }>;

/** The methods of a socket that its worker answers. */
export type WorkerMethod<S extends Socket> = MethodOf<
  S,
  "worker" | "worker in turn"
>;

/** The same as calls. */
export type MethodCalls<S extends Socket> = {
  [M in WorkerMethod<S>]: { params: Params<M>; result: Result<M> };
};

/** A result that a callback of the reactor has. A worker whose loop blocks does not get to promises. */
export class Later<T> {
  /** Begins; a throw is the answer. */
  readonly start: (done: (result: T) => void) => void;

  constructor(start: (done: (result: T) => void) => void) {
    this.start = start;
  }
}

/** A command for each call; a throw is its answer. */
export type Commands<Context, C extends Calls> = {
  [N in keyof C]: (
    context: Context,
    params: C[N]["params"],
  ) => C[N]["result"] | Later<C[N]["result"]>;
};

/** Runs a command and passes its result on, at once or later. */
export function runCommand<Context>(
  commands: Record<string, (context: Context, params: never) => unknown>,
  context: Context,
  name: string,
  params: unknown,
  done: (result: unknown) => void,
): void {
  // The socket, or the type of the call, has checked the parameters against the command's own.
  const result = commands[name]!(context, params as never);
  if (result instanceof Later) result.start(done);
  else done(result);
}
