/** Socket addresses (struct sockaddr_in and sockaddr_in6) of IP addresses. */

import { IpAddress } from "../../wire/ip_address.ts";

export const AF_INET = 2;
export const AF_INET6 = 10;
const INET_LENGTH = 16;
const INET6_LENGTH = 28;

/**
 * Returns the socket address of `address` and `port`.
 *
 * @param scope index of the interface, for link-local addresses
 */
export function socketAddress(
  address: IpAddress,
  port: number,
  scope: number,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(address.isIpv4 ? INET_LENGTH : INET6_LENGTH);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, address.isIpv4 ? AF_INET : AF_INET6, true);
  view.setUint16(2, port);
  bytes.set(address.bytes(), address.isIpv4 ? 4 : 8);
  if (!address.isIpv4) view.setUint32(24, scope, true);
  return bytes;
}

/** Returns the IP address of a socket address. */
export function addressIn(socketAddress: Uint8Array): IpAddress {
  return socketAddress[0] === AF_INET
    ? IpAddress.of(socketAddress.slice(4, 8))
    : IpAddress.of(socketAddress.slice(8, 24));
}
