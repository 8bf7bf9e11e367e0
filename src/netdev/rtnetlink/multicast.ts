/**
 * Multicast memberships: RTM_NEWMULTICAST and RTM_DELMULTICAST events (Linux 6.14), and dumps, whose messages have the
 * type RTM_GETMULTICAST (IPv4: Linux 6.15).
 *
 * The body is a struct ifaddrmsg as for addresses (address.ts). IFA_MULTICAST contains the group.
 */

import type { IpAddress } from "../../wire/ip_address.ts";
import { AF_INET, AF_INET6, IFADDR_LENGTH } from "./address.ts";
import {
  Attributes,
  MessageBuilder,
  type NetlinkMessage,
  NLM_F_DUMP,
} from "./message.ts";
import type { RequestSocket } from "./socket.ts";

export const RTM_NEWMULTICAST = 56;
export const RTM_DELMULTICAST = 57;
const RTM_GETMULTICAST = 58;
const IFA_MULTICAST = 7;

/** A group joined on an interface. */
export interface MembershipRecord {
  readonly ifindex: number;
  readonly group: IpAddress;
}

/** Parses a membership message. Returns undefined if it is malformed or of another type or family. */
export function parseMembership(
  message: NetlinkMessage,
): MembershipRecord | undefined {
  const { body, type } = message;
  if (
    (type !== RTM_NEWMULTICAST && type !== RTM_DELMULTICAST &&
      type !== RTM_GETMULTICAST) ||
    body.byteLength < IFADDR_LENGTH
  ) {
    return undefined;
  }
  const group = new Attributes(body, IFADDR_LENGTH).address(IFA_MULTICAST);
  const family = body.getUint8(0);
  return group === undefined || family !== (group.isIpv4 ? AF_INET : AF_INET6)
    ? undefined
    : { ifindex: body.getUint32(4, true), group };
}

/** Reads the groups of a family joined on an interface. Throws `E_NETLINK`: EOPNOTSUPP if the kernel lacks the dump. */
export function dumpMemberships(
  socket: RequestSocket,
  ifindex: number,
  family: number,
): IpAddress[] {
  return socket.dump(
    () =>
      new MessageBuilder(RTM_GETMULTICAST, NLM_F_DUMP)
        .u8(family).u8(0).u8(0).u8(0).u32(0),
    (message) => {
      const record = parseMembership(message);
      return record?.ifindex === ifindex ? record.group : undefined;
    },
    "list multicast memberships",
  );
}
