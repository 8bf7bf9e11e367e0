/** Opens rtnetlink sockets. A socket stays bound to the network namespace it was opened in. */

import { libc } from "../../../ffi/libc.ts";
import { lastError } from "../../system/errno.ts";
import { type Fd, openSocket } from "../../system/fd.ts";
import { withNamespace } from "../../system/namespace.ts";

const AF_NETLINK = 16;
const NETLINK_ROUTE = 0;
const SOCK_RAW_CLOEXEC = 3 | 0x80000;

export const SOL_NETLINK = 270;
export const MSG_DONTWAIT = 0x40;
/** Size of a receive buffer in bytes. The kernel sends datagrams of at most 32 KiB. */
export const DATAGRAM = 65536;

/** Opens and binds a socket in `netns`, an open namespace, or in the thread's own. Throws `E_NETLINK` and `E_NETNS`. */
export function openNetlink(netns: number | undefined): Fd {
  const open = () =>
    openSocket(
      AF_NETLINK,
      SOCK_RAW_CLOEXEC,
      NETLINK_ROUTE,
      "E_NETLINK",
      "open a netlink socket",
    );
  const fd = netns === undefined ? open() : withNamespace(netns, open);
  const address = new Uint8Array(12);
  address[0] = AF_NETLINK;
  if (libc().bind(fd.number, address, address.length) < 0) {
    const failure = lastError("E_NETLINK", "bind a netlink socket");
    fd.close();
    throw failure;
  }
  return fd;
}
