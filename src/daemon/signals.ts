/** Signals that end the process in order. */

const ENDING = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Resolves at the first signal; later ones change nothing, because the clean-up is already under way. */
export function endingSignal(): { promise: Promise<void>; ignore(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const listener = () => resolve();
  for (const signal of ENDING) Deno.addSignalListener(signal, listener);
  return {
    promise,
    ignore: () => {
      for (const signal of ENDING) Deno.removeSignalListener(signal, listener);
    },
  };
}
