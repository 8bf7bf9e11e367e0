/** The bytes behind a view. */

/** Returns the `length` bytes at `at`, an offset in `view`. Copies nothing. */
export function bytesAt(
  view: DataView,
  at: number,
  length: number,
): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, length);
}
