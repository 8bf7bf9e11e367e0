/** IPv6 address types and prefixes, solicited-node groups and link-local addresses (RFC 4291). */

import { IpAddress } from "./ip_address.ts";

/** Minimum MTU of IPv6 (RFC 8200 section 5). With a smaller one, Linux disables IPv6 on an interface. */
export const MIN_IPV6_MTU = 1280;

const LINK_LOCAL = 0xfe80_0000 | 0;
/** ff02::1:ff00:0/104. */
const SOLICITED_NODE = [0xff02_0000 | 0, 0, 1, 0xff00_0000 | 0] as const;
/** Universal/local bit of the first byte of an interface identifier. */
const UNIVERSAL = 0x02n << 56n;

/** True for the unspecified address, `::`. */
export function isUnspecified({ w0, w1, w2, w3 }: IpAddress): boolean {
  return (w0 | w1 | w2 | w3) === 0;
}

/** True for an address in ff00::/8. */
export function isIpv6Multicast({ w0 }: IpAddress): boolean {
  return w0 >>> 24 === 0xff;
}

/** True for an address in fe80::/10. */
export function isLinkLocal({ w0 }: IpAddress): boolean {
  return (w0 & 0xffc0_0000 | 0) === LINK_LOCAL;
}

/** True if both addresses have the same first `prefixLength` bits. */
export function sameIpv6Prefix(
  a: IpAddress,
  b: IpAddress,
  prefixLength: number,
): boolean {
  const words = [a.w0 ^ b.w0, a.w1 ^ b.w1, a.w2 ^ b.w2, a.w3 ^ b.w3];
  return words.every((word, i) => {
    const bits = Math.min(32, Math.max(0, prefixLength - 32 * i));
    return bits === 0 || word >>> (32 - bits) === 0;
  });
}

/** Returns the solicited-node group of an address (RFC 4291 section 2.7.1). */
export function solicitedNodeGroup({ w3 }: IpAddress): IpAddress {
  const [w0, w1, w2, high] = SOLICITED_NODE;
  return new IpAddress(w0, w1, w2, high | w3 & 0xff_ffff);
}

/**
 * Returns the link-local address that Linux forms for a port: the universal/local bit of the GUID is set, not inverted
 * (RFC 4391 section 8; Linux addrconf_ifid_infiniband).
 */
export function linkLocalAddress(guid: bigint): IpAddress {
  const id = guid | UNIVERSAL;
  return new IpAddress(
    LINK_LOCAL,
    0,
    Number(BigInt.asIntN(32, id >> 32n)),
    Number(BigInt.asIntN(32, id)),
  );
}
