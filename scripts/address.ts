/** Adds IPv4 addresses to interfaces over rtnetlink, so that the demo does not need ip(8). */

import {
  AF_INET,
  IFA_ADDRESS,
  IFA_LOCAL,
  RTM_NEWADDR,
} from "../src/netdev/rtnetlink/address.ts";
import {
  MessageBuilder,
  NLM_F_ACK,
  NLM_F_CREATE,
} from "../src/netdev/rtnetlink/message.ts";
import type { RequestSocket } from "../src/netdev/rtnetlink/socket.ts";
import { parseIpv4 } from "../src/wire/ipv4_address.ts";

const NLM_F_EXCL = 0x200;

/**
 * Adds an address without a broadcast address, like `ip address add PREFIX dev IF`. Throws `E_ADDRESS_SET`.
 *
 * @param prefix address and prefix length, as `10.0.0.1/24`
 */
export function addAddress(
  socket: RequestSocket,
  ifindex: number,
  prefix: string,
): void {
  const [host, length] = prefix.split("/");
  const address = parseIpv4(host!)!;
  socket.request(
    new MessageBuilder(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL)
      .u8(AF_INET).u8(Number(length)).u8(0).u8(0).u32(ifindex)
      .attributeIpv4(IFA_LOCAL, address).attributeIpv4(IFA_ADDRESS, address),
    "E_ADDRESS_SET",
    `add address ${prefix} to network interface ${ifindex}`,
  );
}
