/** Socket addresses of both families for libc. */

import { IpAddress } from "../../src/wire/ip_address.ts";

export const SOCK_DGRAM_CLOEXEC = 2 | 0x80000;
const AF_INET = 2;
const AF_INET6 = 10;

/** Returns AF_INET or AF_INET6. */
export function familyOf(address: string): number {
  return address.includes(":") ? AF_INET6 : AF_INET;
}

/** Returns a struct sockaddr_in or sockaddr_in6. */
export function socketAddress(
  address: string,
  port: number,
): Uint8Array<ArrayBuffer> {
  const family = familyOf(address);
  const bytes = new Uint8Array(family === AF_INET ? 16 : 28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, family, true);
  view.setUint16(2, port);
  // The address of sockaddr_in6 follows the flow information.
  bytes.set(IpAddress.parse(address)!.bytes(), family === AF_INET ? 4 : 8);
  return bytes;
}
