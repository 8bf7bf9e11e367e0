/** States of an interface and its children, and waits until one of them is ready. */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import type { QualifiedName } from "../base/qualified_name.ts";
import type { Millis } from "../base/units.ts";
import { RUNNING } from "../ipc/schema.ts";

export class Readiness {
  readonly #states = new Map<string, string>();
  readonly #waiting = new Set<() => void>();
  #configured = false;

  /** Sets the state of an interface. */
  set(which: QualifiedName, state: string): void {
    this.#states.set(keyOf(which), state);
    this.#wake();
  }

  /** Called when the configuration of the interface has been applied. Until then nothing is ready. */
  setConfigured(): void {
    this.#configured = true;
    this.#wake();
  }

  /** Removes an interface. */
  forget(which: QualifiedName): void {
    this.#states.delete(keyOf(which));
  }

  /** Returns the state of an interface, "starting" if none is set. */
  state(which: QualifiedName): string {
    return this.#states.get(keyOf(which)) ?? "starting";
  }

  isReady(which: QualifiedName): boolean {
    return this.#configured && this.state(which) === RUNNING;
  }

  /** Resolves when the interface is ready. Rejects with the reason of `signal` when it is aborted. */
  async running(which: QualifiedName, signal: AbortSignal): Promise<void> {
    let wake = () => {};
    const aborted = () => wake();
    signal.addEventListener("abort", aborted);
    try {
      while (!this.isReady(which)) {
        signal.throwIfAborted();
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        this.#waiting.add(wake);
        await promise;
        this.#waiting.delete(wake);
      }
    } finally {
      signal.removeEventListener("abort", aborted);
    }
  }

  /** As {@linkcode running}. Throws `E_IPC_TIMEOUT` with the state of an interface that is not ready after `limit` ms. */
  async runningWithin(which: QualifiedName, limit: Millis): Promise<void> {
    try {
      await this.running(which, AbortSignal.timeout(limit));
    } catch {
      throw new IpoibError(
        "E_IPC_TIMEOUT",
        `${which.name} was not ready within ${limit / 1000} s: ${
          this.state(which)
        }`,
        { errno: Errno.ETIMEDOUT },
      );
    }
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}

/** No name has a slash. */
function keyOf({ name, namespace }: QualifiedName): string {
  return `${namespace}/${name}`;
}
