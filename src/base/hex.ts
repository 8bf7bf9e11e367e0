/** Hexadecimal text of numbers and GUIDs. */

/** Formats a number as `0x8001`, with at least `digits` digits. */
export function hex(value: number | bigint, digits = 4): string {
  return `0x${value.toString(16).padStart(digits, "0")}`;
}

/** Formats a GUID as `0x0002c90300000001`. */
export function formatGuid(guid: bigint): string {
  return hex(guid, 16);
}

/**
 * Parses a GUID: 1 to 16 hexadecimal digits with or without `0x`, or four groups of 1 to 4 digits separated by
 * colons. Returns undefined for any other text.
 */
export function parseGuid(text: string): bigint | undefined {
  const digits = /^(?:0x)?([0-9a-f]{1,16})$/i.exec(text)?.[1] ??
    (/^[0-9a-f]{1,4}(:[0-9a-f]{1,4}){3}$/i.test(text)
      ? text.split(":").map((group) => group.padStart(4, "0")).join("")
      : undefined);
  return digits === undefined ? undefined : BigInt(`0x${digits}`);
}
