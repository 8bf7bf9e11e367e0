/** ethtool requests (SIOCETHTOOL, `linux/ethtool.h`): a struct that starts with the command, a u32. */

import { addressOf, libc } from "../../../ffi/libc.ts";
import { IFNAMSIZ, Request } from "./constants.ts";
import { interfaceRequest } from "./name.ts";

/**
 * Sends `request` for the interface `name` in the namespace of a socket. The kernel writes the reply into `request`.
 * Returns false if the kernel refuses.
 */
export function ethtool(
  socket: number,
  name: string,
  command: number,
  request: Uint8Array<ArrayBuffer>,
): boolean {
  new DataView(request.buffer).setUint32(0, command, true);
  const ifreq = interfaceRequest(name);
  new DataView(ifreq.buffer).setBigUint64(IFNAMSIZ, addressOf(request), true);
  return libc().ioctl(socket, Request.SIOCETHTOOL, ifreq) >= 0;
}
