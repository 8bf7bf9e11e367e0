/**
 * The kernel's limits on neighbours: RTM_NEWNEIGHTBL messages and their dump.
 *
 * The body is a struct ndtmsg (4 bytes, `linux/neighbour.h`): family u8, pad u8, pad u16. The dump has a message with the
 * limits of each table (`arp_cache`, `ndisc_cache`), and messages without them for the parameters of each interface.
 *
 * The limits are those of the machine. Only the initial namespace has them in /proc/sys/net/ipv4/neigh/default and
 * /proc/sys/net/ipv6/neigh/default (Linux `neigh_sysctl_register`), but the dump has them in every namespace, and needs
 * no capability.
 */

import { AF_INET, AF_INET6, AF_UNSPEC } from "./address.ts";
import {
  attributeLength,
  findAttribute,
  MessageBuilder,
  type NetlinkMessage,
  NLM_F_DUMP,
} from "./message.ts";
import type { RequestSocket } from "./socket.ts";

const RTM_NEWNEIGHTBL = 64;
const RTM_GETNEIGHTBL = 66;
const NDTMSG_LENGTH = 4;
const NDTA_THRESH3 = 4;

/** The limit of one table. */
export interface NeighbourLimit {
  readonly family: number;
  /** Maximum number of entries (`gc_thresh3`), without PERMANENT entries. */
  readonly entries: number;
}

/** Parses the limit in a message. Returns undefined if the message has none, or is of another type or family. */
export function parseNeighbourLimit(
  { body, type }: NetlinkMessage,
): NeighbourLimit | undefined {
  if (type !== RTM_NEWNEIGHTBL || body.byteLength < NDTMSG_LENGTH) {
    return undefined;
  }
  const family = body.getUint8(0);
  if (family !== AF_INET && family !== AF_INET6) return undefined;
  const at = findAttribute(body, NDTMSG_LENGTH, NDTA_THRESH3);
  if (at < 0 || attributeLength(body, at) < 4) return undefined;
  return { family, entries: body.getUint32(at, true) };
}

/**
 * Reads the maximum number of IPv4 and IPv6 neighbours of the machine together. Returns undefined if the kernel reports
 * no limit. Throws `E_NETLINK`.
 */
export function readNeighbourLimit(socket: RequestSocket): number | undefined {
  const limits = socket.dump(
    () =>
      new MessageBuilder(RTM_GETNEIGHTBL, NLM_F_DUMP)
        .u8(AF_UNSPEC).u8(0).u16(0),
    parseNeighbourLimit,
    "read the limits on neighbours",
  );
  if (limits.length === 0) return undefined;
  return limits.reduce((sum, { entries }) => sum + entries, 0);
}
