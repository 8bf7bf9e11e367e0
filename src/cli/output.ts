/** Output of text to a standard stream. */

const encoder = new TextEncoder();

/** Writes all of `text`. Ignores EPIPE, because the reader may have exited (`ipoib link show | head -1`). */
export function writeText(
  stream: { writeSync(bytes: Uint8Array): number },
  text: string,
): void {
  let bytes = encoder.encode(text);
  try {
    while (bytes.length > 0) bytes = bytes.subarray(stream.writeSync(bytes));
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
