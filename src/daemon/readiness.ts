/** States of an interface and its children, and waits until one of them is ready. */

import { RUNNING } from "../ipc/schema.ts";

export class Readiness {
  readonly #states = new Map<string, string>();
  readonly #waiting = new Set<() => void>();
  #configured = false;

  /** Sets the state of an interface. */
  set(name: string, state: string): void {
    this.#states.set(name, state);
    this.#wake();
  }

  /** Called when the configuration of the interface has been applied. Until then nothing is ready. */
  setConfigured(): void {
    this.#configured = true;
    this.#wake();
  }

  /** Removes an interface. */
  forget(name: string): void {
    this.#states.delete(name);
  }

  /** Returns the state of an interface, "starting" if none is set. */
  state(name: string): string {
    return this.#states.get(name) ?? "starting";
  }

  isReady(name: string): boolean {
    return this.#configured && this.state(name) === RUNNING;
  }

  /** Resolves when the interface is ready. Rejects with the reason of `signal` when it is aborted. */
  async running(name: string, signal: AbortSignal): Promise<void> {
    while (!this.isReady(name)) {
      signal.throwIfAborted();
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.add(resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
      await promise;
      this.#waiting.delete(resolve);
    }
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}
