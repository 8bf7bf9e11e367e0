/**
 * IP addresses of either family as four 32-bit words. An IPv4 address is stored as the IPv4-mapped address (0, 0,
 * 0xffff, address) (RFC 4291 section 2.5.5.2).
 *
 * Words are signed, so that V8 stores them without allocation. The data path passes words; other code uses this class.
 */

import { formatIpv4, parseIpv4 } from "./ipv4_address.ts";
import { formatIpv6, parseIpv6 } from "./ipv6_text.ts";

/** Third word of a v4-mapped address. */
export const V4_MAPPED = 0xffff;

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

  /** Returns the IPv6 address in the 16 bytes at `offset`. */
  static ipv6(view: DataView, offset: number): IpAddress {
    return new IpAddress(
      view.getInt32(offset),
      view.getInt32(offset + 4),
      view.getInt32(offset + 8),
      view.getInt32(offset + 12),
    );
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
    return IpAddress.ipv6(view, 0);
  }

  /** Parses dotted decimal or RFC 4291 text. Returns undefined if the text is neither. */
  static parse(text: string): IpAddress | undefined {
    const ipv4 = parseIpv4(text);
    if (ipv4 !== undefined) return IpAddress.ipv4(ipv4);
    const ipv6 = parseIpv6(text);
    return ipv6 && IpAddress.of(ipv6);
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
    return this.isIpv4 ? formatIpv4(this.w3) : formatIpv6(this.bytes());
  }
}
