/** Results of CNI plugins (CNI 1.0.0, section 5): those of IPAM plugins, and that of ADD. */

import * as v from "valibot";
import { ipAddress, ipPrefix } from "../../ipc/schema/fields.ts";
import type { CniVersion } from "./config.ts";

const IpSchema = v.object({
  /** Address and prefix length. */
  address: ipPrefix,
  gateway: v.exactOptional(ipAddress),
});

const RouteSchema = v.object({
  dst: ipPrefix,
  gw: v.exactOptional(ipAddress),
});

/** The result of an IPAM plugin. */
export const IpamResultSchema = v.object({
  ips: v.exactOptional(v.array(IpSchema), []),
  routes: v.exactOptional(v.array(RouteSchema), []),
  dns: v.exactOptional(v.record(v.string(), v.unknown())),
});
export type IpamResult = v.InferOutput<typeof IpamResultSchema>;

/** The result of an earlier ADD, which CHECK compares with the present state. */
export const PreviousResultSchema = v.object({
  interfaces: v.exactOptional(
    v.array(v.object({
      name: v.string(),
      mac: v.exactOptional(v.string()),
      sandbox: v.exactOptional(v.string()),
    })),
    [],
  ),
  ips: v.exactOptional(
    v.array(v.object({
      ...IpSchema.entries,
      interface: v.exactOptional(v.number()),
    })),
    [],
  ),
});

/** The interface that ADD created. */
export interface AttachedInterface {
  readonly name: string;
  /** Link-layer address, 20 bytes. */
  readonly mac: string;
  /** Path of the network namespace. */
  readonly sandbox: string;
}

/** Returns the result of ADD in the form of a version. */
export function addResult(
  cniVersion: CniVersion,
  attached: AttachedInterface,
  { ips, routes, dns }: IpamResult,
): object {
  return {
    cniVersion,
    interfaces: [attached],
    ips: ips.map((ip) => ({
      ...(cniVersion === "1.0.0"
        ? {}
        : { version: ip.address.includes(":") ? "6" : "4" }),
      interface: 0,
      ...ip,
    })),
    routes,
    dns: dns ?? {},
  };
}
