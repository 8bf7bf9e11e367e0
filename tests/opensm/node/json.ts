/** JSON with bytes and 64-bit numbers, one value a line. */

/** The value as a line. */
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

/** The value of a line. */
export function fromLine(line: string): unknown {
  return JSON.parse(line, (_, each) => {
    if (typeof each !== "object" || each === null) return each;
    if (typeof each.bytes === "string") return Uint8Array.fromHex(each.bytes);
    return typeof each.bigint === "string" ? BigInt(each.bigint) : each;
  });
}
