/** Numbers and GUIDs in hexadecimal. */

/** `0x8001`: at least `digits` digits. */
export function hex(value: number | bigint, digits = 4): string {
  return `0x${value.toString(16).padStart(digits, "0")}`;
}

/** `0x0002c90300000001`. */
export function formatGuid(guid: bigint): string {
  return hex(guid, 16);
}

/** A GUID of its text: up to 16 digits, with 0x or without, or four groups with colons; undefined if it is neither. */
export function parseGuid(text: string): bigint | undefined {
  const digits = /^(?:0x)?([0-9a-f]{1,16})$/i.exec(text)?.[1] ??
    (/^[0-9a-f]{1,4}(:[0-9a-f]{1,4}){3}$/i.test(text)
      ? text.split(":").map((group) => group.padStart(4, "0")).join("")
      : undefined);
  return digits === undefined ? undefined : BigInt(`0x${digits}`);
}
