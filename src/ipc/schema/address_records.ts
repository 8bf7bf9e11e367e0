/** Addresses and routes that a configuration sets, with the members of iproute2's JSON. */

import * as v from "valibot";
import { ipAddress, ipPrefix, shortText, u32 } from "./fields.ts";

/** The flags of `ip address add` that an address may have. */
export const ADDRESS_FLAGS = ["nodad", "noprefixroute"] as const;

/** The attributes of an address. */
export const NewAddressSchema = v.strictObject({
  /** Local address and prefix length: `10.9.0.1/24`. */
  local: ipPrefix,
  /** The other end of a point-to-point address. */
  address: v.exactOptional(ipAddress),
  /** `+` for the last address of an IPv4 subnet. */
  broadcast: v.exactOptional(v.union([v.literal("+"), ipAddress])),
  label: v.exactOptional(shortText),
  /** Metric of the route of the prefix. */
  metric: v.exactOptional(u32),
  flags: v.exactOptional(v.array(v.picklist(ADDRESS_FLAGS))),
});
export type NewAddressRecord = v.InferOutput<typeof NewAddressSchema>;

/** A unicast route with one next hop. */
export const RouteSchema = v.strictObject({
  /** Destination and prefix length: `10.20.0.0/16`. */
  dst: ipPrefix,
  gateway: v.exactOptional(ipAddress),
  prefsrc: v.exactOptional(ipAddress),
  metric: v.exactOptional(u32),
  /** Number of the routing table. Default: 254, main. */
  table: v.exactOptional(u32),
  /** MTU of the path, in bytes. */
  mtu: v.exactOptional(u32),
  /** True if the gateway is on the link without an address of its subnet. */
  onlink: v.exactOptional(v.boolean()),
});
export type RouteRecord = v.InferOutput<typeof RouteSchema>;
