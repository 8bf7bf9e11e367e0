/** Output of text to a standard stream. */

const encoder = new TextEncoder();

/** Writes all of `text`. Returns false on EPIPE: the reader has exited (`ipoib link show | head -1`). */
export function writeText(
  stream: { writeSync(bytes: Uint8Array): number },
  text: string,
): boolean {
  let bytes = encoder.encode(text);
  try {
    while (bytes.length > 0) bytes = bytes.subarray(stream.writeSync(bytes));
    return true;
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    return false;
  }
}
