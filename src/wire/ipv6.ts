/** IPv6: the fixed header as a re-pointable view (RFC 8200), and address text (RFC 4291, RFC 5952). */

import { parseIpv4 } from "./ipv4_address.ts";

/** Bytes of the fixed header. */
export const IPV6_HEADER_LENGTH = 40;

/** Offsets of the header's fields. */
export const Ipv6Field = {
  VersionClassFlow: 0,
  PayloadLength: 4,
  NextHeader: 6,
  HopLimit: 7,
  Source: 8,
  Destination: 24,
} as const;

/** A view of an IPv6 packet. Getters are only meaningful once {@linkcode Ipv6Packet.valid} said so. */
export class Ipv6Packet {
  view: DataView;
  base: number;

  constructor(view: DataView = new DataView(new ArrayBuffer(0)), base = 0) {
    this.view = view;
    this.base = base;
  }

  /** Points the view at another packet. */
  at(view: DataView, base: number): this {
    this.view = view;
    this.base = base;
    return this;
  }

  /** True if `length` bytes from the base hold a whole IPv6 packet (jumbograms do not count as one). */
  valid(length: number): boolean {
    return length >= IPV6_HEADER_LENGTH &&
      this.base + length <= this.view.byteLength && this.version === 6 &&
      IPV6_HEADER_LENGTH + this.payloadLength <= length;
  }

  get version(): number {
    return this.view.getUint8(this.base) >> 4;
  }
  get trafficClass(): number {
    return this.view.getUint16(this.base) >> 4 & 0xff;
  }
  get flowLabel(): number {
    return this.view.getUint32(this.base) & 0xfffff;
  }
  /** Bytes after the fixed header. */
  get payloadLength(): number {
    return this.view.getUint16(this.base + Ipv6Field.PayloadLength);
  }
  get nextHeader(): number {
    return this.view.getUint8(this.base + Ipv6Field.NextHeader);
  }
  get hopLimit(): number {
    return this.view.getUint8(this.base + Ipv6Field.HopLimit);
  }
  /** Where the source address begins in the view. */
  get sourceOffset(): number {
    return this.base + Ipv6Field.Source;
  }
  /** Where the destination address begins in the view. */
  get destinationOffset(): number {
    return this.base + Ipv6Field.Destination;
  }
  /** True if the destination is a group (ff00::/8). */
  get multicast(): boolean {
    return this.view.getUint8(this.base + Ipv6Field.Destination) === 0xff;
  }
}

/** Text of the 16 bytes at `offset`, the longest run of zero groups compressed (RFC 5952 section 4). */
export function formatIpv6(bytes: Uint8Array, offset = 0): string {
  const groups: number[] = [];
  for (let i = offset; i < offset + 16; i += 2) {
    groups.push(bytes[i]! << 8 | bytes[i + 1]!);
  }
  let start = -1;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > length) {
      start = i;
      length = end - i;
    }
  }
  const hex = groups.map((group) => group.toString(16));
  return start < 0
    ? hex.join(":")
    : `${hex.slice(0, start).join(":")}::${
      hex.slice(start + length).join(":")
    }`;
}

/** The 16 bytes of an address's text, or undefined; a dotted IPv4 tail is understood, a zone is not. */
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
