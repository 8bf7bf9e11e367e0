/**
 * IPv4 and IPv6 addresses: RTM_NEWADDR and RTM_DELADDR messages, and the dump.
 *
 * The body is a struct ifaddrmsg (8 bytes): family u8, prefix length u8, flags u8, scope u8, index u32.
 */

import { IpAddress } from "../../wire/ip_address.ts";
import { subnetBroadcast } from "../../wire/ipv4_address.ts";
import type { InterfaceAddress } from "../net_config.ts";
import {
  Attributes,
  MessageBuilder,
  type NetlinkMessage,
  NLM_F_DUMP,
} from "./message.ts";
import type { RequestSocket } from "./socket.ts";

export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
const RTM_GETADDR = 22;

export const AF_UNSPEC = 0;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const IFADDR_LENGTH = 8;
export const IFA_ADDRESS = 1;
export const IFA_LOCAL = 2;
export const IFA_LABEL = 3;
export const IFA_BROADCAST = 4;
export const IFA_FLAGS = 8;
export const IFA_RT_PRIORITY = 9;
const IFA_F_SECONDARY = 0x1;
const IFA_F_DADFAILED = 0x8;
const IFA_F_TENTATIVE = 0x40;

/** An address with its interface and a key that is unique on the interface. */
export interface AddressRecord {
  readonly ifindex: number;
  /** IPv4: local address, prefix length and peer address, which are unique in combination. IPv6: the address. */
  readonly key: string;
  readonly address: InterfaceAddress;
  /** False for an IPv6 address that has not passed duplicate address detection. */
  readonly usable: boolean;
}

/** Parses an address message. Returns undefined if it is malformed or of another type or family. */
export function parseAddress(
  message: NetlinkMessage,
): AddressRecord | undefined {
  const { body, type } = message;
  if (
    (type !== RTM_NEWADDR && type !== RTM_DELADDR) ||
    body.byteLength < IFADDR_LENGTH
  ) {
    return undefined;
  }
  switch (body.getUint8(0)) {
    case AF_INET:
      return parseIpv4(body);
    case AF_INET6:
      return parseIpv6(body);
    default:
      return undefined;
  }
}

function parseIpv6(body: DataView): AddressRecord | undefined {
  const attributes = new Attributes(body, IFADDR_LENGTH);
  const address = attributes.address(IFA_LOCAL) ??
    attributes.address(IFA_ADDRESS);
  const prefixLength = body.getUint8(1);
  if (!address || address.isIpv4 || prefixLength > 128) return undefined;
  const flags = attributes.u32(IFA_FLAGS) ?? body.getUint8(2);
  return {
    ifindex: body.getUint32(4, true),
    key: String(address),
    address: {
      address,
      prefixLength,
      broadcast: undefined,
      scope: body.getUint8(3),
      secondary: false,
    },
    usable: (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) === 0,
  };
}

function parseIpv4(body: DataView): AddressRecord | undefined {
  const attributes = new Attributes(body, IFADDR_LENGTH);
  const peer = attributes.ipv4(IFA_ADDRESS);
  const local = attributes.ipv4(IFA_LOCAL) ?? peer;
  const prefixLength = body.getUint8(1);
  if (local === undefined || prefixLength > 32) return undefined;
  const pointToPoint = peer !== undefined && peer !== local;
  // The kernel adds a route for the subnet broadcast even if the address has no broadcast attribute.
  const broadcast = pointToPoint || prefixLength >= 31
    ? undefined
    : attributes.ipv4(IFA_BROADCAST) ?? subnetBroadcast(local, prefixLength);
  return {
    ifindex: body.getUint32(4, true),
    key: `${local}/${prefixLength}/${peer ?? local}`,
    address: {
      address: IpAddress.ipv4(local),
      prefixLength,
      broadcast: broadcast === undefined
        ? undefined
        : IpAddress.ipv4(broadcast),
      scope: body.getUint8(3),
      secondary:
        ((attributes.u32(IFA_FLAGS) ?? body.getUint8(2)) & IFA_F_SECONDARY) !==
          0,
    },
    usable: true,
  };
}

/** Reads the usable addresses of an interface, of both families. Throws `E_NETLINK`. */
export function dumpAddresses(
  socket: RequestSocket,
  ifindex: number,
): AddressRecord[] {
  return dumpAddressMessages(socket, (message) => {
    const record = parseAddress(message);
    return record?.ifindex === ifindex && record.usable ? record : undefined;
  });
}

/** Reads the addresses of all interfaces. Returns those that `parse` does not refuse. Throws `E_NETLINK`. */
export function dumpAddressMessages<T>(
  socket: RequestSocket,
  parse: (message: NetlinkMessage) => T | undefined,
): T[] {
  return socket.dump(
    () =>
      new MessageBuilder(RTM_GETADDR, NLM_F_DUMP)
        .u8(AF_UNSPEC).u8(0).u8(0).u8(0).u32(0),
    parse,
    "list addresses",
  );
}

/** Returns true if both lists have equal addresses in the same order. */
export function sameAddresses(
  a: readonly InterfaceAddress[],
  b: readonly InterfaceAddress[],
): boolean {
  return a.length === b.length && a.every((one, i) => {
    const other = b[i]!;
    return one.address.equals(other.address) &&
      one.prefixLength === other.prefixLength &&
      one.broadcast?.w3 === other.broadcast?.w3 && one.scope === other.scope &&
      one.secondary === other.secondary;
  });
}
