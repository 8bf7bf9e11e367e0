/** What must be undone, done once and last-made first, however a script ends. */

type Step = () => void | Promise<void>;

/** A stack of steps that undo. */
export class Cleanup {
  readonly #steps: Step[] = [];
  #running: Promise<void> | undefined;

  /** Adds a step; steps run last-added first. */
  add(step: Step): void {
    this.#steps.push(step);
  }

  /** Runs every step, whatever fails on the way; a second call waits for the first. */
  run(): Promise<void> {
    return this.#running ??= this.#unwind();
  }

  async #unwind(): Promise<void> {
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
      try {
        await step();
      } catch {
        // The other steps still have to be run.
      }
    }
  }
}

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/**
 * The exit code for the first signal that asks this process to end, when it comes. Later ones (npx and `deno task` pass
 * Ctrl-C on, so it arrives twice) are swallowed: they must not cut the cleanup short.
 */
export function interruption(): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  for (const [signal, number] of Object.entries(SIGNALS)) {
    Deno.addSignalListener(signal as Deno.Signal, () => resolve(128 + number));
  }
  return promise;
}
