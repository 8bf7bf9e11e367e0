/** JSON output: an array of records, with keys in the style of iproute2. */

/** Formats records as one line, or indented by four spaces with `pretty`. */
export function renderJson(records: unknown[], pretty: boolean): string {
  return `${JSON.stringify(records, undefined, pretty ? 4 : undefined)}\n`;
}

/** Converts the keys of an object and of all nested objects to snake case, for example `rateCode` to `rate_code`. */
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
