/** JSON output: always an array at the top, keys in iproute2's spelling. */

/** One line, or indented by four. */
export function renderJson(records: unknown[], pretty: boolean): string {
  return `${JSON.stringify(records, undefined, pretty ? 4 : undefined)}\n`;
}

/** The same value with keys like `rate_code` for `rateCode`. */
export function snakeKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeKeys);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      snakeKeys(inner),
    ]),
  );
}
