/** Runs inputs in successive sessions of a target, and records the inputs of a session for a replay. */

import type {
  FuzzSession,
  FuzzTarget,
} from "../../../tests/fuzz/targets/target.ts";

/** Inputs of a failed session, and the error. */
export interface Failure {
  readonly inputs: readonly Uint8Array[];
  readonly error: Error;
}

export class Runner {
  readonly #target: FuzzTarget;
  #session: FuzzSession | undefined;
  /** Inputs of the session; empty for targets without state. */
  #history: Uint8Array[] = [];
  #count = 0;

  constructor(target: FuzzTarget) {
    this.#target = target;
  }

  /** Runs an input. Returns the failure, if any, after which the next input gets a new session. */
  async run(input: Uint8Array): Promise<Failure | undefined> {
    const limit = this.#target.inputsPerSession ?? Infinity;
    try {
      this.#session ??= this.#target.open();
      if (limit < Infinity) this.#history.push(input);
      const accepted = this.#session.run(input);
      if (typeof accepted !== "boolean") await accepted;
      if (++this.#count < limit) return undefined;
    } catch (error) {
      const failure = this.#failure(error, input);
      this.#forget();
      return failure;
    }
    return await this.close();
  }

  /** Closes the session. Returns the failure if its state is invalid. */
  async close(): Promise<Failure | undefined> {
    const session = this.#session;
    if (!session) return undefined;
    try {
      await session.close?.();
      return undefined;
    } catch (error) {
      return this.#failure(error);
    } finally {
      this.#forget();
    }
  }

  #failure(error: unknown, input?: Uint8Array): Failure {
    const inputs = this.#history.length > 0
      ? this.#history
      : input
      ? [input]
      : [];
    return {
      inputs,
      error: error instanceof Error ? error : new Error(String(error)),
    };
  }

  #forget(): void {
    this.#session = undefined;
    this.#history = [];
    this.#count = 0;
  }
}

/** Runs inputs in a new session. Returns the error, if any. */
export async function replay(
  target: FuzzTarget,
  inputs: readonly Uint8Array[],
): Promise<Error | undefined> {
  const runner = new Runner({ ...target, inputsPerSession: Infinity });
  for (const input of inputs) {
    const failure = await runner.run(input);
    if (failure) return failure.error;
  }
  return (await runner.close())?.error;
}
