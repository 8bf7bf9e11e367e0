/**
 * IPv4 and IPv6 neighbours: RTM_NEWNEIGH and RTM_DELNEIGH messages, and the dump.
 *
 * The body is a struct ndmsg (12 bytes, `linux/neighbour.h`): family u8, pad u8, pad u16, index i32, state u16, flags
 * u8, type u8 (RTN_). On a TAP of link type InfiniBand the link-layer address of an entry is empty.
 */

import type { Millis } from "../../base/units.ts";
import { IpAddress } from "../../wire/ip_address.ts";
import { AF_INET, AF_INET6, AF_UNSPEC } from "./address.ts";
import {
  attributeLength,
  findAttribute,
  MessageBuilder,
  type NetlinkMessage,
  NLM_F_DUMP,
} from "./message.ts";
import type { RequestSocket } from "./socket.ts";

export const RTM_NEWNEIGH = 28;
export const RTM_DELNEIGH = 29;
const RTM_GETNEIGH = 30;

const NDMSG_LENGTH = 12;
const NDA_DST = 1;
const NDA_CACHEINFO = 3;
const NDA_PROBES = 4;
const NDA_IFINDEX = 8;
const NTF_PROXY = 0x08;

/** struct nda_cacheinfo: confirmed, used and updated (ages in ticks of 1/100 s, USER_HZ), reference count; u32 each. */
const CACHEINFO_LENGTH = 16;
const TICK_MS = 10;

/** States of an entry (NUD_), by the names of iproute2. */
export const NeighbourState = {
  NONE: 0x00,
  INCOMPLETE: 0x01,
  REACHABLE: 0x02,
  STALE: 0x04,
  DELAY: 0x08,
  PROBE: 0x10,
  FAILED: 0x20,
  /** Entries of multicast and broadcast addresses, and of devices without address resolution. */
  NOARP: 0x40,
  PERMANENT: 0x80,
} as const;

/** Times since the last confirmation, use and change of an entry, in multiples of 10 ms. */
export interface NeighbourAges {
  readonly confirmed: Millis;
  readonly used: Millis;
  /** Time since the last change of the state. */
  readonly updated: Millis;
}

/** An entry of the kernel's neighbour table. */
export interface NeighbourRecord {
  readonly ifindex: number;
  readonly address: IpAddress;
  /** One of {@linkcode NeighbourState}. */
  readonly state: number;
  /** NTF_ flags. */
  readonly flags: number;
  /** True for a proxy entry: the kernel answers requests for this address (`ip neigh add proxy`). */
  readonly proxy: boolean;
  readonly ages: NeighbourAges | undefined;
  /** Number of unanswered requests. */
  readonly probes: number;
}

/** Returns a request with the struct ndmsg and NDA_DST of an entry. */
export function neighbourRequest(
  type: number,
  messageFlags: number,
  ifindex: number,
  address: IpAddress,
  state: number,
  flags = 0,
): MessageBuilder {
  return new MessageBuilder(type, messageFlags)
    .u8(address.isIpv4 ? AF_INET : AF_INET6).u8(0).u16(0).u32(ifindex)
    .u16(state).u8(flags).u8(0)
    .attribute(NDA_DST, address.bytes());
}

/**
 * Parses a neighbour message. Returns undefined if it is malformed, of another type or family (AF_BRIDGE), or has a
 * v4-mapped IPv6 address, which would equal the IPv4 address.
 */
export function parseNeighbour(
  message: NetlinkMessage,
): NeighbourRecord | undefined {
  const { body, type } = message;
  if (
    (type !== RTM_NEWNEIGH && type !== RTM_DELNEIGH) ||
    body.byteLength < NDMSG_LENGTH
  ) {
    return undefined;
  }
  const address = parseAddress(body);
  if (!address) return undefined;
  const flags = body.getUint8(10);
  return {
    ifindex: body.getInt32(4, true),
    address,
    state: body.getUint16(8, true),
    flags,
    proxy: (flags & NTF_PROXY) !== 0,
    ages: parseAges(body),
    probes: parseProbes(body),
  };
}

function parseAddress(body: DataView): IpAddress | undefined {
  const at = findAttribute(body, NDMSG_LENGTH, NDA_DST);
  if (at < 0) return undefined;
  const length = attributeLength(body, at);
  const family = body.getUint8(0);
  if (family === AF_INET && length === 4) {
    return IpAddress.ipv4(body.getInt32(at));
  }
  if (family !== AF_INET6 || length !== 16) return undefined;
  const address = IpAddress.ipv6(body, at);
  return address.isIpv4 ? undefined : address;
}

function parseProbes(body: DataView): number {
  const at = findAttribute(body, NDMSG_LENGTH, NDA_PROBES);
  return at < 0 || attributeLength(body, at) < 4 ? 0 : body.getUint32(at, true);
}

function parseAges(body: DataView): NeighbourAges | undefined {
  const at = findAttribute(body, NDMSG_LENGTH, NDA_CACHEINFO);
  if (at < 0 || attributeLength(body, at) < CACHEINFO_LENGTH) return undefined;
  return {
    confirmed: body.getUint32(at, true) * TICK_MS,
    used: body.getUint32(at + 4, true) * TICK_MS,
    updated: body.getUint32(at + 8, true) * TICK_MS,
  };
}

/**
 * Reads the IPv4 and IPv6 entries of an interface, including NOARP entries of multicast addresses, but not proxy
 * entries. Throws `E_NETLINK`.
 */
export function dumpNeighbours(
  socket: RequestSocket,
  ifindex: number,
): NeighbourRecord[] {
  return socket.dump(
    () =>
      new MessageBuilder(RTM_GETNEIGH, NLM_F_DUMP)
        .u8(AF_UNSPEC).u8(0).u16(0).u32(0).u16(0).u8(0).u8(0)
        .attributeU32(NDA_IFINDEX, ifindex),
    (message) => {
      const record = parseNeighbour(message);
      return record?.ifindex === ifindex ? record : undefined;
    },
    "list neighbours",
  );
}
