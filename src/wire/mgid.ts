/**
 * Multicast GIDs of IPoIB groups (RFC 4391 section 4).
 *
 * | bytes  | content                                                                      |
 * |--------|------------------------------------------------------------------------------|
 * | 0      | 0xff                                                                         |
 * | 1      | 0x10 (transient) and the scope of the link's broadcast group                 |
 * | 2-3    | signature: 0x401b IPv4, 0x601b IPv6                                          |
 * | 4-5    | P_Key of the link, full-member bit set                                       |
 * | 6-15   | the low 28 bits of an IPv4 group, the low 80 bits of an IPv6 group           |
 *
 * Limited and subnet broadcasts and broadcast ARP requests are sent to the broadcast group, whose last four bytes are
 * 0xff. The scope of the IP group does not affect the scope of the MGID.
 */

import { FULL_MEMBER } from "../base/units.ts";
import { GID_LENGTH } from "./gid.ts";
import { LIMITED_BROADCAST } from "./ipv4_address.ts";

/** Bytes 2 and 3 of an IPoIB MGID. */
export const MgidSignature = { Ipv4: 0x401b, Ipv6: 0x601b } as const;

/** Scope nibble of an MGID (RFC 4392 section 1.2.1.2). */
export const MgidScope = {
  LinkLocal: 2,
  SiteLocal: 5,
  OrganisationLocal: 8,
  Global: 0xe,
} as const;

const SIGNATURE = 2;
const PKEY = 4;
const GROUP = 12;
const IPV6_GROUP = 6;

/** Returns the MGID of a link's broadcast group. Sets the full-member bit of `pkey`. */
export function broadcastMgid(
  pkey: number,
  scope: number = MgidScope.LinkLocal,
): Uint8Array {
  const mgid = new Uint8Array(GID_LENGTH);
  const view = new DataView(mgid.buffer);
  view.setUint16(0, 0xff10 | scope & 0x0f);
  view.setUint16(SIGNATURE, MgidSignature.Ipv4);
  view.setUint16(PKEY, pkey | FULL_MEMBER);
  view.setInt32(GROUP, LIMITED_BROADCAST);
  return mgid;
}

/** Returns the MGID of an IPv4 group, or of 255.255.255.255, on the link with this broadcast group. */
export function ipv4Mgid(group: number, broadcast: Uint8Array): Uint8Array {
  const mgid = broadcast.slice(0, GID_LENGTH);
  const low = group === LIMITED_BROADCAST ? group : group & 0x0fffffff;
  new DataView(mgid.buffer).setInt32(GROUP, low);
  return mgid;
}

/** Returns the MGID of an IPv6 group, 16 bytes, on the link with this broadcast group. */
export function ipv6Mgid(group: Uint8Array, broadcast: Uint8Array): Uint8Array {
  const mgid = broadcast.slice(0, GID_LENGTH);
  new DataView(mgid.buffer).setUint16(SIGNATURE, MgidSignature.Ipv6);
  mgid.set(group.subarray(IPV6_GROUP), IPV6_GROUP);
  return mgid;
}

/** Returns bytes 2 and 3: one of {@linkcode MgidSignature} for an IPoIB group. */
export function mgidSignature(mgid: Uint8Array): number {
  return mgid[SIGNATURE]! << 8 | mgid[SIGNATURE + 1]!;
}

/** Returns the P_Key in an IPoIB MGID. */
export function mgidPkey(mgid: Uint8Array): number {
  return mgid[PKEY]! << 8 | mgid[PKEY + 1]!;
}
