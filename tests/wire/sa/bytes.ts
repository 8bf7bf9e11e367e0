/** Bytes for tests of management formats. */

/** The bytes of hexadecimal text; blanks are for reading. */
export function fromHex(text: string): Uint8Array {
  const digits = text.replaceAll(/\s/g, "");
  return Uint8Array.from(
    { length: digits.length / 2 },
    (_, i) => parseInt(digits.slice(2 * i, 2 * i + 2), 16),
  );
}

/** A buffer in which a byte that was not written shows. */
export function prefilled(length: number): Uint8Array {
  return new Uint8Array(length).fill(0xa5);
}
