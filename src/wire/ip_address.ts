/**
 * IP address of either family as four 32-bit words. IPv4 addresses are v4-mapped: (0, 0, 0xffff, address) (RFC 4291
 * section 2.5.5.2).
 *
 * Words are signed, so that V8 stores them without allocation. The data path passes words; control code uses this class.
 */

import { formatIpv4, parseIpv4 } from "./ipv4_address.ts";

/** Third word of a v4-mapped address. */
export const V4_MAPPED = 0xffff;

const WORDS = 4;
const GROUPS = 8;

export class IpAddress {
  constructor(
    readonly w0: number,
    readonly w1: number,
    readonly w2: number,
    readonly w3: number,
  ) {}

  /** Returns the v4-mapped address of a signed 32-bit IPv4 address. */
  static ipv4(address: number): IpAddress {
    return new IpAddress(0, 0, V4_MAPPED, address | 0);
  }

  /**
   * Returns the address in 4 or 16 bytes.
   *
   * @throws RangeError for any other number of bytes.
   */
  static of(bytes: Uint8Array): IpAddress {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (bytes.length === 4) return IpAddress.ipv4(view.getInt32(0));
    if (bytes.length !== 16) {
      throw new RangeError(
        `An IP address has 4 or 16 bytes, not ${bytes.length}`,
      );
    }
    return new IpAddress(
      view.getInt32(0),
      view.getInt32(4),
      view.getInt32(8),
      view.getInt32(12),
    );
  }

  /** Parses dotted decimal or RFC 4291 text. Returns undefined if the text is neither. */
  static parse(text: string): IpAddress | undefined {
    const ipv4 = parseIpv4(text);
    if (ipv4 !== undefined) return IpAddress.ipv4(ipv4);
    const groups = parseGroups(text);
    if (!groups) return undefined;
    const words = Array.from(
      { length: WORDS },
      (_, i) => groups[2 * i]! << 16 | groups[2 * i + 1]!,
    );
    return new IpAddress(words[0]!, words[1]!, words[2]!, words[3]!);
  }

  get isIpv4(): boolean {
    return this.w0 === 0 && this.w1 === 0 && this.w2 === V4_MAPPED;
  }

  /** Returns 4 bytes for IPv4 or 16 bytes for IPv6, in network order as in rtnetlink. */
  bytes(): Uint8Array<ArrayBuffer> {
    const words = this.isIpv4
      ? [this.w3]
      : [this.w0, this.w1, this.w2, this.w3];
    const bytes = new Uint8Array(4 * words.length);
    const view = new DataView(bytes.buffer);
    words.forEach((word, i) => view.setInt32(4 * i, word));
    return bytes;
  }

  equals(other: IpAddress): boolean {
    return this.w3 === other.w3 && this.w2 === other.w2 &&
      this.w1 === other.w1 && this.w0 === other.w0;
  }

  /** Returns dotted decimal for IPv4 or the RFC 5952 text for IPv6. */
  toString(): string {
    return this.isIpv4 ? formatIpv4(this.w3) : formatGroups(this.bytes());
  }
}

function parseGroups(text: string): number[] | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map(parseHalf);
  if (!head || (halves.length === 2 && !tail)) return undefined;
  if (!tail) return head.length === GROUPS ? head : undefined;
  const missing = GROUPS - head.length - tail.length;
  if (missing < 1) return undefined;
  return [...head, ...new Array<number>(missing).fill(0), ...tail];
}

/** Parses colon-separated groups. The last may be an IPv4 address, which yields two groups. */
function parseHalf(text: string): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    const ipv4 = i === parts.length - 1 ? parseIpv4(part) : undefined;
    if (ipv4 !== undefined) groups.push(ipv4 >>> 16, ipv4 & 0xffff);
    else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(parseInt(part, 16));
    else return undefined;
  }
  return groups;
}

function formatGroups(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const groups = Array.from(
    { length: GROUPS },
    (_, i) => view.getUint16(2 * i).toString(16),
  );
  // Compress the first of the longest runs of two or more zero groups (RFC 5952 section 4.2).
  let start = -1;
  let length = 1;
  for (let i = 0; i < GROUPS; i++) {
    let run = 0;
    while (i + run < GROUPS && groups[i + run] === "0") run++;
    if (run > length) [start, length] = [i, run];
    i += run;
  }
  if (start < 0) return groups.join(":");
  return `${groups.slice(0, start).join(":")}::${
    groups.slice(start + length).join(":")
  }`;
}
