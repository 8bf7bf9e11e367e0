/**
 * IPv4 multicast memberships over rtnetlink: RTM_NEWMULTICAST / RTM_DELMULTICAST events and the dump, both of
 * Linux 6.15 or so.
 *
 * Body: struct ifaddrmsg as for addresses, with the group in IFA_MULTICAST.
 */

import { AF_INET, IFADDR_LENGTH } from "./address.ts";
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

/** One group on one interface. */
export interface MembershipRecord {
  readonly ifindex: number;
  readonly group: number;
}

/** The IPv4 membership that a message speaks of; undefined if it is malformed or of another family. */
export function parseMembership(
  message: NetlinkMessage,
): MembershipRecord | undefined {
  const { body, type } = message;
  if (
    (type !== RTM_NEWMULTICAST && type !== RTM_DELMULTICAST &&
      type !== RTM_GETMULTICAST) ||
    body.byteLength < IFADDR_LENGTH || body.getUint8(0) !== AF_INET
  ) {
    return undefined;
  }
  const group = new Attributes(body, IFADDR_LENGTH).ipv4(IFA_MULTICAST);
  return group === undefined
    ? undefined
    : { ifindex: body.getUint32(4, true), group };
}

/** The IPv4 groups joined on one interface; throws where the kernel has no such dump (EOPNOTSUPP). */
export function dumpMemberships(
  socket: RequestSocket,
  ifindex: number,
): number[] {
  return socket.dump(
    () =>
      new MessageBuilder(RTM_GETMULTICAST, NLM_F_DUMP)
        .u8(AF_INET).u8(0).u8(0).u8(0).u32(0),
    (message) => {
      const record = parseMembership(message);
      return record?.ifindex === ifindex ? record.group : undefined;
    },
    "list IPv4 multicast memberships",
  );
}
