/**
 * Links: RTM_NEWLINK and RTM_DELLINK messages, and the request for one link.
 *
 * The body is a struct ifinfomsg (16 bytes): family u8, pad u8, type u16 (ARPHRD), index i32, flags u32, change mask
 * u32.
 */

import { Errno } from "../../base/errno.ts";
import type { DeviceLimits } from "../netdev.ts";
import { Attributes, MessageBuilder, type NetlinkMessage } from "./message.ts";
import { refusalError, type RequestSocket } from "./socket.ts";

export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;

export const IFINFO_LENGTH = 16;
/** IFF_ flags (linux/if.h). */
export const Iff = {
  Up: 0x1,
  Broadcast: 0x2,
  Debug: 0x4,
  Loopback: 0x8,
  PointToPoint: 0x10,
  NoArp: 0x80,
  Promisc: 0x100,
  AllMulti: 0x200,
  Master: 0x400,
  Slave: 0x800,
  Multicast: 0x1000,
  Dynamic: 0x8000,
  LowerUp: 0x10000,
} as const;

export const IFLA_AF_SPEC = 26;
/** Array of 32-bit values of net.ipv6.conf, of which the first is `forwarding` (DEVCONF_FORWARDING). */
const IFLA_INET6_CONF = 2;
export const IFLA_INET6_ADDR_GEN_MODE = 8;
/** Address family of a nested attribute of IFLA_AF_SPEC. */
export const AF_INET6 = 10;
export const IFLA_IFNAME = 3;
export const IFLA_MTU = 4;
const IFLA_QDISC = 6;
export const IFLA_TXQLEN = 13;
const IFLA_OPERSTATE = 16;
export const IFLA_LINKMODE = 17;
export const IFLA_IFALIAS = 20;
export const IFLA_GROUP = 27;
export const IFLA_NET_NS_PID = 19;
export const IFLA_NET_NS_FD = 28;
const IFLA_LINKINFO = 18;
const IFLA_STATS64 = 23;
/** Offset of tx_dropped in `struct rtnl_link_stats64`. */
const TX_DROPPED = 56;
const IFLA_PROMISCUITY = 30;
const IFLA_CARRIER = 33;
const IFLA_MIN_MTU = 50;
const IFLA_MAX_MTU = 51;
/** Since Linux 6.0. */
const IFLA_ALLMULTI = 61;
/** Attributes of the limits of a device. */
const LIMITS: Readonly<Record<keyof DeviceLimits, number>> = {
  "num_tx_queues": 31,
  "num_rx_queues": 32,
  "gso_max_segs": 40,
  "gso_max_size": 41,
  "gro_max_size": 58,
  "tso_max_size": 59,
  "tso_max_segs": 60,
};
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;

/** Returns a request with the struct ifinfomsg of a link. */
export function linkRequest(
  type: number,
  ifindex: number,
  flags = 0,
  change = 0,
  messageFlags = 0,
): MessageBuilder {
  return new MessageBuilder(type, messageFlags)
    .u8(0).u8(0).u16(0).u32(ifindex).u32(flags).u32(change);
}

/** Properties of a link. */
export interface LinkInfo {
  readonly ifindex: number;
  /** ARPHRD value: 32 for InfiniBand. */
  readonly type: number;
  /** IFF_ flags of `struct ifinfomsg`. */
  readonly flags: number;
  readonly up: boolean;
  /** Administratively up and with carrier. */
  readonly running: boolean;
  readonly carrier: boolean;
  readonly name: string;
  readonly mtu: number;
  readonly txQueueLength: number;
  readonly qdisc: string;
  /** IF_OPER_ state (RFC 2863): 5 for dormant, 6 for up. */
  readonly operState: number;
  /** IF_LINK_MODE_: 0 for default, 1 for dormant. */
  readonly linkMode: number;
  readonly group: number;
  readonly alias: string | undefined;
  /** Number of users of promiscuous mode, and of all-multicast mode (0 or 1 before Linux 6.0). */
  readonly promiscuity: number;
  readonly allmulti: number;
  readonly minMtu: number;
  readonly maxMtu: number;
  readonly limits: DeviceLimits;
  /** Number of outgoing packets that were dropped. */
  readonly txDropped: number;
  /** The kind of device, such as `tun` or `veth`, or undefined. */
  readonly kind: string | undefined;
  /** Attributes specific to the kind (IFLA_INFO_DATA). */
  readonly kindData: Attributes | undefined;
  /** How the kernel forms link-local addresses (IN6_ADDR_GEN_MODE_); undefined while IPv6 is disabled. */
  readonly addrGenMode: number | undefined;
  /** True if the kernel forwards IPv6 packets that it receives on the link (net.ipv6.conf forwarding). */
  readonly forwardsIpv6: boolean;
}

/** Parses a link message. Returns undefined if it is malformed, of another type, or about a bridge port (AF_BRIDGE). */
export function parseLink(message: NetlinkMessage): LinkInfo | undefined {
  const { body, type } = message;
  if (
    (type !== RTM_NEWLINK && type !== RTM_DELLINK) ||
    body.byteLength < IFINFO_LENGTH || body.getUint8(0) !== 0
  ) {
    return undefined;
  }
  const attributes = new Attributes(body, IFINFO_LENGTH);
  const flags = body.getUint32(8, true);
  const linkInfo = attributes.nested(IFLA_LINKINFO);
  const ipv6 = attributes.nested(IFLA_AF_SPEC)?.nested(AF_INET6);
  return {
    ifindex: body.getInt32(4, true),
    type: body.getUint16(2, true),
    flags,
    up: (flags & Iff.Up) !== 0,
    running: (flags & Iff.LowerUp) !== 0 && (flags & Iff.Up) !== 0,
    carrier: attributes.u8(IFLA_CARRIER) === 1,
    name: attributes.string(IFLA_IFNAME) ?? "",
    mtu: attributes.u32(IFLA_MTU) ?? 0,
    txQueueLength: attributes.u32(IFLA_TXQLEN) ?? 0,
    qdisc: attributes.string(IFLA_QDISC) ?? "",
    operState: attributes.u8(IFLA_OPERSTATE) ?? 0,
    linkMode: attributes.u8(IFLA_LINKMODE) ?? 0,
    group: attributes.u32(IFLA_GROUP) ?? 0,
    alias: attributes.string(IFLA_IFALIAS),
    promiscuity: attributes.u32(IFLA_PROMISCUITY) ?? 0,
    allmulti: attributes.u32(IFLA_ALLMULTI) ??
      ((flags & Iff.AllMulti) !== 0 ? 1 : 0),
    minMtu: attributes.u32(IFLA_MIN_MTU) ?? 0,
    maxMtu: attributes.u32(IFLA_MAX_MTU) ?? 0,
    limits: limitsOf(attributes),
    txDropped: Number(attributes.u64(IFLA_STATS64, TX_DROPPED) ?? 0),
    kind: linkInfo?.string(IFLA_INFO_KIND),
    kindData: linkInfo?.nested(IFLA_INFO_DATA),
    addrGenMode: ipv6?.u8(IFLA_INET6_ADDR_GEN_MODE),
    forwardsIpv6: (ipv6?.u32(IFLA_INET6_CONF) ?? 0) !== 0,
  };
}

function limitsOf(attributes: Attributes): DeviceLimits {
  return Object.fromEntries(
    Object.entries(LIMITS).flatMap(([name, type]) => {
      const value = attributes.u32(type);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** Reads the link `ifindex`. Returns undefined if it does not exist. Throws `E_NETLINK`. */
export function getLink(
  socket: RequestSocket,
  ifindex: number,
): LinkInfo | undefined {
  let found: LinkInfo | undefined;
  const request = linkRequest(RTM_GETLINK, ifindex);
  const refused = socket.exchange(request, (message) => {
    const link = parseLink(message);
    // The attributes must outlive the receive buffer.
    found = link && { ...link, kindData: link.kindData?.copy() };
  });
  if (refused && refused.errno !== Errno.ENODEV) {
    throw refusalError(
      refused,
      "E_NETLINK",
      `read network interface ${ifindex}`,
    );
  }
  return found;
}
