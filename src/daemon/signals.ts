/** Signals that end the process in order. */

const ENDING: readonly Deno.Signal[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/** Resolves at the first signal; later ones change nothing, because the clean-up is already under way. */
export function endingSignal(
  signals: readonly Deno.Signal[] = ENDING,
): { promise: Promise<void>; ignore(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const listener = () => resolve();
  for (const signal of signals) Deno.addSignalListener(signal, listener);
  return {
    promise,
    ignore: () => {
      for (const signal of signals) Deno.removeSignalListener(signal, listener);
    },
  };
}
