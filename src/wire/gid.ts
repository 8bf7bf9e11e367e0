/**
 * GIDs and GUIDs: 16 bytes of subnet prefix and port GUID, or of a multicast group (IBTA vol. 1 4.1.1).
 *
 * A GID is a `Uint8Array` of 16 bytes; a GUID and a subnet prefix are 64-bit BigInts, as in the Hca interface.
 */

import { formatIpv6, parseIpv6 } from "./ipv6.ts";

/** Bytes of a GID. */
export const GID_LENGTH = 16;

/** The link-local subnet prefix, the default of every subnet manager (IBTA vol. 1 4.1.1). */
export const DEFAULT_SUBNET_PREFIX = 0xfe80000000000000n;

/** The 16 bytes of a GID's text (IPv6 notation), or undefined if it is none. */
export function parseGid(text: string): Uint8Array | undefined {
  return parseIpv6(text);
}

/** Compressed text of the GID at `offset`: `fe80::2:c903:0:1`. */
export function formatGid(gid: Uint8Array, offset = 0): string {
  return formatIpv6(gid, offset);
}

/** Text of eight groups without compression, `fe80:0:0:0:2:c903:0:1`, as ib_ipoib's debugfs files have it. */
export function formatGidLong(gid: Uint8Array, offset = 0): string {
  const groups: string[] = [];
  for (let i = offset; i < offset + GID_LENGTH; i += 2) {
    groups.push((gid[i]! << 8 | gid[i + 1]!).toString(16));
  }
  return groups.join(":");
}

/** True if the 16 bytes at the two offsets are the same. */
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

/** A key for maps: 32 hexadecimal digits, which sort as the GIDs do. */
export function gidKey(gid: Uint8Array, offset = 0): string {
  let key = "";
  for (let i = offset; i < offset + GID_LENGTH; i++) {
    key += gid[i]!.toString(16).padStart(2, "0");
  }
  return key;
}

/** The GID of a subnet prefix and a GUID, 64 bits each. */
export function gidFrom(prefix: bigint, guid: bigint): Uint8Array {
  const gid = new Uint8Array(GID_LENGTH);
  const view = new DataView(gid.buffer);
  view.setBigUint64(0, prefix);
  view.setBigUint64(8, guid);
  return gid;
}

/** The subnet prefix of a GID. */
export function gidPrefix(gid: Uint8Array): bigint {
  return new DataView(gid.buffer, gid.byteOffset, GID_LENGTH).getBigUint64(0);
}

/** The GUID of a GID. */
export function gidGuid(gid: Uint8Array): bigint {
  return new DataView(gid.buffer, gid.byteOffset, GID_LENGTH).getBigUint64(8);
}
