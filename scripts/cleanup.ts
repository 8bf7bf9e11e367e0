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

/** Sends a child process a signal, unless it has ended, and waits for its end. */
export async function endChild(
  child: Deno.ChildProcess,
  signal: Deno.Signal,
): Promise<void> {
  try {
    child.kill(signal);
  } catch {
    // It has ended already.
  }
  await child.status;
}

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** Between two looks at the parent. */
const PARENT_EVERY_MS = 500;

/**
 * The exit code for the first signal that asks this process to end, when it comes. Later ones (npx and `deno task` pass
 * Ctrl-C on, so it arrives twice) are swallowed: they must not cut the cleanup short. The end of the parent, which may
 * have had no chance to pass a signal on, counts as SIGHUP.
 */
function interruption(): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  for (const [signal, number] of Object.entries(SIGNALS)) {
    Deno.addSignalListener(signal as Deno.Signal, () => resolve(128 + number));
  }
  const parent = Deno.ppid;
  const watch = setInterval(() => {
    if (Deno.ppid !== parent) resolve(128 + SIGNALS.SIGHUP);
  }, PARENT_EVERY_MS);
  Deno.unrefTimer(watch);
  return promise;
}

/** Ctrl-C ends a script's children too, and their end may be heard of before the signal. */
const SIGNAL_LAG_MS = 100;

/**
 * Does `work` until it is done or a signal asks this process to end, then undoes what it made, and returns the exit
 * code: 0, that of the signal, or what `failed` makes of an error.
 */
export async function workAndCleanUp(
  work: (cleanup: Cleanup) => Promise<void>,
  failed: (error: unknown) => number,
): Promise<number> {
  const cleanup = new Cleanup();
  const interrupted = interruption();
  try {
    return await Promise.race([work(cleanup).then(() => 0), interrupted]);
  } catch (error) {
    const lag = Promise.withResolvers<undefined>();
    setTimeout(() => lag.resolve(undefined), SIGNAL_LAG_MS);
    return await Promise.race([interrupted, lag.promise]) ?? failed(error);
  } finally {
    await cleanup.run();
  }
}

/** As {@linkcode workAndCleanUp}, for work that returns how much of it failed: the exit code is 1 if anything did. */
export async function countFailures(
  work: (cleanup: Cleanup) => Promise<number>,
): Promise<number> {
  let failures = 0;
  const code = await workAndCleanUp(
    async (cleanup) => void (failures = await work(cleanup)),
    (error) => {
      const text = error instanceof Error ? error.stack : error;
      Deno.stderr.writeSync(new TextEncoder().encode(`${text}\n`));
      return 1;
    },
  );
  return code || Math.min(failures, 1);
}
