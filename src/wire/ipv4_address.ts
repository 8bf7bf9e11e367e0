/** IPv4 addresses as signed 32-bit integers: text, prefixes and classes (RFC 791, RFC 1112, RFC 919). */

/** 255.255.255.255. */
export const LIMITED_BROADCAST = -1;

/** Formats an address as dotted decimal: 0x0a000001 is `10.0.0.1`. */
export function formatIpv4(address: number): string {
  return `${address >>> 24}.${address >>> 16 & 255}.${address >>> 8 & 255}.${
    address & 255
  }`;
}

/**
 * Parses dotted decimal. Returns undefined if the text is not four decimal bytes. Leading zeros are invalid, because
 * some parsers interpret them as octal.
 */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let address = 0;
  for (const part of parts) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) {
      return undefined;
    }
    address = address << 8 | Number(part);
  }
  return address;
}

/** Returns the netmask of a prefix of 0 to 32 bits. */
export function prefixMask(prefixLength: number): number {
  return prefixLength === 0 ? 0 : -1 << (32 - prefixLength);
}

/** True if the first `prefixLength` bits of the addresses are equal. */
export function samePrefix(
  a: number,
  b: number,
  prefixLength: number,
): boolean {
  return ((a ^ b) & prefixMask(prefixLength)) === 0;
}

/** Returns the directed broadcast address of a prefix; undefined for /31 and /32, which have none (RFC 3021). */
export function subnetBroadcast(
  address: number,
  prefixLength: number,
): number | undefined {
  return prefixLength < 31 ? address | ~prefixMask(prefixLength) : undefined;
}

/** True for an address in 224.0.0.0/4. */
export function isMulticast(address: number): boolean {
  return address >>> 28 === 0xe;
}

/** True for 255.255.255.255. */
export function isLimitedBroadcast(address: number): boolean {
  return address === LIMITED_BROADCAST;
}
