/** GIDs and multicast groups of the requests. */

import { DEFAULT_SUBNET_PREFIX, gidFrom } from "../../../src/wire/gid.ts";
import { broadcastMgid, ipv4Mgid } from "../../../src/wire/mgid.ts";
import { portGuid } from "../fabric.ts";

/** A subnet prefix that the fabric does not have. */
export const FOREIGN_PREFIX = 0xfec0000000000007n;
/** GID of the fabric's subnet with a GUID that no port has. */
export const UNKNOWN_GID = gidFrom(DEFAULT_SUBNET_PREFIX, 0x0002c90300009999n);
/** GUID of the first port with a foreign subnet prefix. */
export const FOREIGN_GID = gidFrom(FOREIGN_PREFIX, portGuid(1));

/** Broadcast group of the default partition. */
export const BROADCAST = broadcastMgid(0xffff);
/** Broadcast group of partition `one`. */
export const LINK_ONE = broadcastMgid(0x8001);
/** Broadcast group of partition `two`. */
export const LINK_TWO = broadcastMgid(0x8002);

/** Returns the MGID of IPv4 group 239.0.0.0 + n in the default partition. */
export function ipv4Group(n: number): Uint8Array {
  return ipv4Mgid(0xef000000 + n | 0, BROADCAST);
}

/** Parses an MGID of 32 hexadecimal digits with optional colons. */
export function mgidOf(text: string): Uint8Array {
  return Uint8Array.fromHex(text.replaceAll(":", ""));
}

/** Returns an MGID without an IPoIB signature whose last 16 bits are `n`. */
export function unsignedGroup(n: number): Uint8Array {
  return mgidOf(
    `ff12:1234:0000:0000:0000:0000:0000:${n.toString(16).padStart(4, "0")}`,
  );
}
