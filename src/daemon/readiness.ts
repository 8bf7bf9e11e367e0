/** Who waits for an interface to carry traffic. */

import { RUNNING } from "../ipc/schema.ts";

export class Readiness {
  readonly #states = new Map<string, string>();
  readonly #waiting = new Set<() => void>();

  /** The state of an interface changed. */
  set(name: string, state: string): void {
    this.#states.set(name, state);
    for (const wake of [...this.#waiting]) wake();
  }

  forget(name: string): void {
    this.#states.delete(name);
  }

  state(name: string): string {
    return this.#states.get(name) ?? "starting";
  }

  /** Resolves once the interface runs; rejects when `signal` says that nobody waits any longer. */
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
