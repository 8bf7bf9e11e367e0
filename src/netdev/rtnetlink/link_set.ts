/**
 * Sets the administrative state, MTU and queue length of network interfaces.
 *
 * Each function sends one acknowledged request, and throws `E_LINK_SET` with the kernel's errno.
 */

import {
  IFF_UP,
  IFLA_MTU,
  IFLA_TXQLEN,
  linkRequest,
  RTM_NEWLINK,
} from "./link_message.ts";
import { NLM_F_ACK } from "./message.ts";
import type { RequestSocket } from "./socket.ts";

/** Equivalent to `ip link set dev IF up|down`. */
export function setLinkUp(
  socket: RequestSocket,
  ifindex: number,
  up: boolean,
): void {
  socket.request(
    linkRequest(RTM_NEWLINK, ifindex, up ? IFF_UP : 0, IFF_UP, NLM_F_ACK),
    "E_LINK_SET",
    `set network interface ${ifindex} ${up ? "up" : "down"}`,
  );
}

/** Equivalent to `ip link set dev IF mtu MTU`. */
export function setLinkMtu(
  socket: RequestSocket,
  ifindex: number,
  mtu: number,
): void {
  socket.request(
    linkRequest(RTM_NEWLINK, ifindex, 0, 0, NLM_F_ACK)
      .attributeU32(IFLA_MTU, mtu),
    "E_LINK_SET",
    `set the MTU of network interface ${ifindex} to ${mtu}`,
  );
}

/** Equivalent to `ip link set dev IF txqueuelen LENGTH`. */
export function setTxQueueLength(
  socket: RequestSocket,
  ifindex: number,
  length: number,
): void {
  socket.request(
    linkRequest(RTM_NEWLINK, ifindex, 0, 0, NLM_F_ACK)
      .attributeU32(IFLA_TXQLEN, length),
    "E_LINK_SET",
    `set the queue length of network interface ${ifindex} to ${length}`,
  );
}
