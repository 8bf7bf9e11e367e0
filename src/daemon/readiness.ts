/** States of an interface and its children, and waits until one of them is ready. */

import { RUNNING } from "../ipc/schema.ts";

export class Readiness {
  readonly #states = new Map<string, string>();
  readonly #waiting = new Set<() => void>();

  /** Sets the state of an interface. */
  set(name: string, state: string): void {
    this.#states.set(name, state);
    for (const wake of [...this.#waiting]) wake();
  }

  /** Removes an interface. */
  forget(name: string): void {
    this.#states.delete(name);
  }

  /** Returns the state of an interface, "starting" if none is set. */
  state(name: string): string {
    return this.#states.get(name) ?? "starting";
  }

  /** Resolves when the interface is ready. Rejects with the reason of `signal` when it is aborted. */
  async running(name: string, signal: AbortSignal): Promise<void> {
    while (this.state(name) !== RUNNING) {
      signal.throwIfAborted();
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.add(resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
      await promise;
      this.#waiting.delete(resolve);
    }
  }
}
