/**
 * Service IDs of IPoIB connected mode: a prefix and the QPN of the listener's UD queue pair.
 *
 * RFC 4755 section 3.5 gives the first byte as 00000001 in binary. Linux ib_ipoib uses 0x10 (ipoib_cm.c
 * `IPOIB_CM_IETF_ID`), so a Linux host accepts that form only.
 */

const LINUX_PREFIX = 0x1000000000000000n;
const RFC_PREFIX = 0x0100000000000000n;

/** Returns the Service ID that Linux ib_ipoib uses, 64 bits. */
export function linuxServiceId(udQpn: number): bigint {
  return LINUX_PREFIX | BigInt(udQpn);
}

/** Returns the Service ID of RFC 4755 section 3.5, 64 bits. */
export function rfcServiceId(udQpn: number): bigint {
  return RFC_PREFIX | BigInt(udQpn);
}
