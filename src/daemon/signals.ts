/** Handling of the signals that stop the process. */

const ENDING: readonly Deno.Signal[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * Returns a promise that resolves to the first of `signals`. Later ones have no effect until `ignore` removes the
 * handlers.
 */
export function endingSignal(
  signals: readonly Deno.Signal[] = ENDING,
): { promise: Promise<Deno.Signal>; ignore(): void } {
  const { promise, resolve } = Promise.withResolvers<Deno.Signal>();
  const listeners = signals.map((signal) =>
    [signal, () => resolve(signal)] as const
  );
  for (const each of listeners) Deno.addSignalListener(...each);
  return {
    promise,
    ignore: () => {
      for (const each of listeners) Deno.removeSignalListener(...each);
    },
  };
}
