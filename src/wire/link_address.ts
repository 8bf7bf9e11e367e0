/**
 * 20-byte link-layer address of IPoIB (RFC 4391 section 9.1.1; flags: RFC 4755 section 3.1).
 *
 * | offset | size | field                                           |
 * |--------|------|-------------------------------------------------|
 * | 0      | 1    | flags: 0x80 RC, 0x40 UC, the rest reserved      |
 * | 1      | 3    | QPN of the UD queue pair, or 0xffffff           |
 * | 4      | 16   | GID of the port, or MGID of a group             |
 *
 * All 20 bytes, flags included, identify a neighbour, as in Linux ib_ipoib.
 */

import { GID_LENGTH, gidEquals } from "./gid.ts";

/** Bytes of the address. */
export const LINK_ADDRESS_LENGTH = 20;
/** Offset of the GID in the address. */
const LINK_ADDRESS_GID = 4;
/** Destination QPN of multicast packets (IBTA vol. 1 9.6.1.2.1). */
export const MULTICAST_QPN = 0xffffff;

/** Flags of a link-layer address (RFC 4755 section 3.1). */
export const LinkFlag = {
  /** The interface accepts RC connections (ib_ipoib: in datagram mode too). */
  Rc: 0x80,
} as const;

/** A link-layer address. */
export interface LinkAddress {
  /** Bits of {@linkcode LinkFlag}. 0x40: the interface accepts UC connections. */
  readonly flags: number;
  /** 24 bits. */
  readonly qpn: number;
  /** 16 bytes. */
  readonly gid: Uint8Array;
}

/** Parses the 20 bytes at `offset` and copies the GID. Returns undefined if there are fewer bytes. */
export function parseLinkAddress(
  bytes: Uint8Array,
  offset = 0,
): LinkAddress | undefined {
  if (bytes.length < offset + LINK_ADDRESS_LENGTH) return undefined;
  return {
    flags: bytes[offset]!,
    qpn: bytes[offset + 1]! << 16 | bytes[offset + 2]! << 8 |
      bytes[offset + 3]!,
    gid: bytes.slice(offset + LINK_ADDRESS_GID, offset + LINK_ADDRESS_LENGTH),
  };
}

/** Writes `address` at `offset`. Returns its length, 20 bytes. */
export function emitLinkAddress(
  address: LinkAddress,
  into: Uint8Array,
  offset = 0,
): number {
  into[offset] = address.flags;
  into[offset + 1] = address.qpn >> 16;
  into[offset + 2] = address.qpn >> 8;
  into[offset + 3] = address.qpn;
  into.set(
    address.gid.length === GID_LENGTH
      ? address.gid
      : address.gid.subarray(0, GID_LENGTH),
    offset + LINK_ADDRESS_GID,
  );
  return LINK_ADDRESS_LENGTH;
}

/** Returns the 20 bytes of an address. */
export function linkAddressBytes(address: LinkAddress): Uint8Array {
  const bytes = new Uint8Array(LINK_ADDRESS_LENGTH);
  emitLinkAddress(address, bytes);
  return bytes;
}

/** Formats the 20 bytes at `offset` as colon-separated hexadecimal, as in `ip link`. */
export function formatLinkAddress(bytes: Uint8Array, offset = 0): string {
  return Array.from(
    bytes.subarray(offset, offset + LINK_ADDRESS_LENGTH),
    (byte) => byte.toString(16).padStart(2, "0"),
  ).join(":");
}

/** Formats a link-layer address as {@linkcode formatLinkAddress} does. */
export function linkAddressText(address: LinkAddress): string {
  return formatLinkAddress(linkAddressBytes(address));
}

/** Parses 20 colon-separated hexadecimal bytes. Returns undefined for any other text. */
export function parseLinkAddressText(text: string): Uint8Array | undefined {
  const parts = text.split(":");
  if (
    parts.length !== LINK_ADDRESS_LENGTH ||
    !parts.every((part) => /^[0-9a-fA-F]{1,2}$/.test(part))
  ) return undefined;
  return Uint8Array.from(parts, (part) => parseInt(part, 16));
}

/** Returns the link-layer address of a group: flags 0, QPN 0xffffff, MGID. */
export function groupLinkAddress(mgid: Uint8Array): LinkAddress {
  return { flags: 0, qpn: MULTICAST_QPN, gid: mgid };
}

/** True if all 20 bytes are equal. */
export function linkAddressEquals(a: LinkAddress, b: LinkAddress): boolean {
  return a.qpn === b.qpn && a.flags === b.flags && gidEquals(a.gid, b.gid);
}
