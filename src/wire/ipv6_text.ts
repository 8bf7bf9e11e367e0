/** IPv6 addresses as text: parses RFC 4291 notation, formats RFC 5952 notation. */

import { compressGroups } from "../base/gid_text.ts";
import { parseIpv4 } from "./ipv4_address.ts";

/** Formats the 16 bytes at `offset` and compresses the longest run of zero groups (RFC 5952 section 4). */
export function formatIpv6(bytes: Uint8Array, offset = 0): string {
  const groups: string[] = [];
  for (let i = offset; i < offset + 16; i += 2) {
    groups.push((bytes[i]! << 8 | bytes[i + 1]!).toString(16));
  }
  return compressGroups(groups);
}

/**
 * Parses an address. Returns its 16 bytes, or undefined if the text is not an address. Accepts a dotted IPv4 tail, but
 * no zone index.
 */
export function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const compressed = halves.length === 2;
  const head = parseGroups(halves[0]!, !compressed);
  const tail = parseGroups(halves[1] ?? "", true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (compressed ? missing < 1 : missing !== 0) return undefined;
  const bytes = new Uint8Array(16);
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  groups.forEach((group, i) => {
    bytes[2 * i] = group >> 8;
    bytes[2 * i + 1] = group & 0xff;
  });
  return bytes;
}

function parseGroups(text: string, dotted: boolean): number[] | undefined {
  if (text === "") return [];
  const parts = text.split(":");
  const groups: number[] = [];
  for (const [i, part] of parts.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(parseInt(part, 16));
      continue;
    }
    const ipv4 = dotted && i === parts.length - 1 ? parseIpv4(part) : undefined;
    if (ipv4 === undefined) return undefined;
    groups.push(ipv4 >>> 16, ipv4 & 0xffff);
  }
  return groups;
}
