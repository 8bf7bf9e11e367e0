/** Cleanup of a script, which runs once however the script ends, and the exit code of the script. */

type Step = () => void | Promise<void>;

/** A stack of cleanup steps. */
export class Cleanup {
  readonly #steps: Step[] = [];
  #running: Promise<void> | undefined;

  /** True if the cleanup runs or has run. */
  get begun(): boolean {
    return this.#running !== undefined;
  }

  /** Adds a step. Steps run in reverse order. */
  add(step: Step): void {
    this.#steps.push(step);
  }

  /** Runs every step and ignores errors. A second call waits for the first. */
  run(): Promise<void> {
    return this.#running ??= this.#unwind();
  }

  async #unwind(): Promise<void> {
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
      try {
        await step();
      } catch {
        // The other steps must run nevertheless.
      }
    }
  }
}

/** Sends a signal to a child process, unless it has exited, and waits until it exits. */
export async function endChild(
  child: Deno.ChildProcess,
  signal: Deno.Signal,
): Promise<void> {
  try {
    child.kill(signal);
  } catch {
    // It has already exited.
  }
  await child.status;
}

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** Interval between checks of the parent process. */
const PARENT_EVERY_MS = 500;

/**
 * Resolves with the exit code of the first SIGHUP, SIGINT or SIGTERM. Ignores later signals, which must not interrupt
 * the cleanup: npx and `deno task` forward Ctrl-C, so it arrives twice. The exit of the parent counts as SIGHUP,
 * because a killed parent forwards no signal.
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

/** Time for a signal to arrive: Ctrl-C also stops a script's children, whose failure may be observed first. */
const SIGNAL_LAG_MS = 100;

/**
 * Runs `work` until it completes or a signal arrives, then runs the cleanup. Returns the exit code: 0, 128 plus the
 * number of the signal, or the result of `failed` for an error.
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

/**
 * Like {@linkcode workAndCleanUp}, for work that returns its number of failures. The exit code is 1 if there are any.
 */
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
