/** Handling of the signals that stop the process. */

const ENDING: readonly Deno.Signal[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * Returns a promise that resolves at the first of `signals`. Later ones have no effect until `ignore` removes the
 * handlers.
 */
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
