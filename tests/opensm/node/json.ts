/** JSON lines with bytes and BigInts: `{"bytes": "hexadecimal"}` and `{"bigint": "decimal"}`. */

/** Encodes a value as a line. */
export function toLine(value: unknown): string {
  const text = JSON.stringify(
    value,
    (_, each) =>
      each instanceof Uint8Array
        ? { bytes: each.toHex() }
        : typeof each === "bigint"
        ? { bigint: each.toString() }
        : each,
  );
  return `${text}\n`;
}

/** Decodes a line. */
export function fromLine(line: string): unknown {
  return JSON.parse(line, (_, each) => {
    if (typeof each !== "object" || each === null) return each;
    if (typeof each.bytes === "string") return Uint8Array.fromHex(each.bytes);
    return typeof each.bigint === "string" ? BigInt(each.bigint) : each;
  });
}
