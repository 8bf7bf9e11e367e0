/**
 * GIDs and GUIDs (IBTA vol. 1 4.1.1).
 *
 * A GID is a `Uint8Array` of 16 bytes: a subnet prefix and a port GUID, or the MGID of a multicast group. A GUID and a
 * subnet prefix are 64-bit BigInts.
 */

import { formatIpv6, parseIpv6 } from "./ipv6_text.ts";

/** Bytes of a GID. */
export const GID_LENGTH = 16;

/** The default subnet prefix, of link-local scope (IBTA vol. 1 4.1.1). */
export const DEFAULT_SUBNET_PREFIX = 0xfe80000000000000n;

/** The GUID by which every port addresses its subnet administrator (Linux IB_SA_WELL_KNOWN_GUID). */
export const ADMINISTRATOR_GUID = 0x0200000000000002n;

/** Parses a GID in IPv6 notation. Returns its 16 bytes, or undefined if the text is not a GID. */
export function parseGid(text: string): Uint8Array | undefined {
  return parseIpv6(text);
}

/** Formats the GID at `offset` as compressed text: `fe80::2:c903:0:1`. */
export function formatGid(gid: Uint8Array, offset = 0): string {
  return formatIpv6(gid, offset);
}

/** Formats the GID at `offset` as eight groups, uncompressed as in ib_ipoib's debugfs: `fe80:0:0:0:2:c903:0:1`. */
export function formatGidLong(gid: Uint8Array, offset = 0): string {
  const groups: string[] = [];
  for (let i = offset; i < offset + GID_LENGTH; i += 2) {
    groups.push((gid[i]! << 8 | gid[i + 1]!).toString(16));
  }
  return groups.join(":");
}

/** True if the GIDs at the two offsets are equal. */
export function gidEquals(
  a: Uint8Array,
  b: Uint8Array,
  aOffset = 0,
  bOffset = 0,
): boolean {
  for (let i = 0; i < GID_LENGTH; i++) {
    if (a[aOffset + i] !== b[bOffset + i]) return false;
  }
  return true;
}

/** True if the GIDs have the same interface identifier, the last 8 bytes. */
export function interfaceIdEquals(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = GID_LENGTH / 2; i < GID_LENGTH; i++) {
    if (a[i] !== b[i]) return false;
  }
  return true;
}

/** Returns the GID at `offset` as a map key of 32 hexadecimal digits. Keys sort like the GIDs. */
export function gidKey(gid: Uint8Array, offset = 0): string {
  let key = "";
  for (let i = offset; i < offset + GID_LENGTH; i++) {
    key += gid[i]!.toString(16).padStart(2, "0");
  }
  return key;
}

/** Returns the GID of a subnet prefix and a GUID, 64 bits each. */
export function gidFrom(prefix: bigint, guid: bigint): Uint8Array {
  const gid = new Uint8Array(GID_LENGTH);
  const view = new DataView(gid.buffer);
  view.setBigUint64(0, prefix);
  view.setBigUint64(8, guid);
  return gid;
}

/** Returns the subnet prefix of a GID, 64 bits. */
export function gidPrefix(gid: Uint8Array): bigint {
  return new DataView(gid.buffer, gid.byteOffset, GID_LENGTH).getBigUint64(0);
}

/** Returns the GUID of a GID, 64 bits. */
export function gidGuid(gid: Uint8Array): bigint {
  return new DataView(gid.buffer, gid.byteOffset, GID_LENGTH).getBigUint64(8);
}
