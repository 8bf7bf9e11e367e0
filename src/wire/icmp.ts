/**
 * ICMP echo, and the errors that the engine sends to its own host (RFC 792, RFC 1191, RFC 1812).
 *
 * Errors are made as whole IPv4 packets, ready for the TAP after a virtio header. They should come from the peer or
 * the next hop: the kernel drops one whose source is its own address.
 */

import { checksum } from "./checksum.ts";
import {
  emitIpv4Header,
  IpProtocol,
  IPV4_HEADER_LENGTH,
  type Ipv4Packet,
} from "./ipv4.ts";
import { isMulticast, LIMITED_BROADCAST } from "./ipv4_address.ts";

/** Bytes before the payload of echo, and before the quoted packet of an error. */
export const ICMP_HEADER_LENGTH = 8;
/** Bytes of the original's payload that an error quotes. */
const QUOTED_PAYLOAD = 8;
/** The most bytes that {@linkcode emitUnreachable} writes: two IPv4 headers, one of them with all options. */
export const UNREACHABLE_MAX_LENGTH = IPV4_HEADER_LENGTH +
  ICMP_HEADER_LENGTH + 60 + QUOTED_PAYLOAD;

/** ICMP types. */
export const IcmpType = { EchoReply: 0, Unreachable: 3, Echo: 8 } as const;

/** Codes of {@linkcode IcmpType.Unreachable}. */
export const UnreachableCode = { Host: 1, FragmentationNeeded: 4 } as const;

/** An echo request or reply. */
export interface IcmpEcho {
  readonly reply: boolean;
  /** 16 bits each. */
  readonly id: number;
  readonly sequence: number;
  readonly payload: Uint8Array;
}

/** The echo message in `length` bytes at `base` (its payload is a copy), or undefined: other type, bad checksum. */
export function parseIcmpEcho(
  view: DataView,
  base: number,
  length: number,
): IcmpEcho | undefined {
  if (
    length < ICMP_HEADER_LENGTH || length > 0xffff ||
    base + length > view.byteLength
  ) return undefined;
  const type = view.getUint8(base);
  if (
    (type !== IcmpType.Echo && type !== IcmpType.EchoReply) ||
    view.getUint8(base + 1) !== 0 || checksum(view, base, length) !== 0
  ) return undefined;
  return {
    reply: type === IcmpType.EchoReply,
    id: view.getUint16(base + 4),
    sequence: view.getUint16(base + 6),
    payload: bytesOf(
      view,
      base + ICMP_HEADER_LENGTH,
      length - ICMP_HEADER_LENGTH,
    ).slice(),
  };
}

/** Writes an echo message at `base`; returns its length. */
export function emitIcmpEcho(
  echo: IcmpEcho,
  view: DataView,
  base: number,
): number {
  const length = ICMP_HEADER_LENGTH + echo.payload.length;
  view.setUint8(base, echo.reply ? IcmpType.EchoReply : IcmpType.Echo);
  view.setUint8(base + 1, 0);
  view.setUint16(base + 2, 0);
  view.setUint16(base + 4, echo.id);
  view.setUint16(base + 6, echo.sequence);
  bytesOf(view, base + ICMP_HEADER_LENGTH, echo.payload.length).set(
    echo.payload,
  );
  view.setUint16(base + 2, checksum(view, base, length));
  return length;
}

/** Who says what about a packet that could not be sent. */
export interface Unreachable {
  /** Source of the error. */
  source: number;
  /** One of {@linkcode UnreachableCode}. */
  code: number;
  /** Next-hop MTU in bytes, for {@linkcode UnreachableCode.FragmentationNeeded}. */
  mtu?: number;
}

/**
 * Writes the IPv4 packet that tells the sender of `original` (a valid packet) of its fate; returns its length, at most
 * {@linkcode UNREACHABLE_MAX_LENGTH}. It quotes the header and the 8 bytes after it (RFC 792).
 */
export function emitUnreachable(
  error: Unreachable,
  original: Ipv4Packet,
  view: DataView,
  base: number,
): number {
  const quoted = Math.min(
    original.headerLength + QUOTED_PAYLOAD,
    original.totalLength,
  );
  const length = ICMP_HEADER_LENGTH + quoted;
  emitIpv4Header(
    {
      source: error.source,
      destination: original.source,
      protocol: IpProtocol.Icmp,
      payloadLength: length,
      // Internetwork control (RFC 1812 section 4.3.2.5).
      tos: 0xc0,
    },
    view,
    base,
  );
  const icmp = base + IPV4_HEADER_LENGTH;
  view.setUint8(icmp, IcmpType.Unreachable);
  view.setUint8(icmp + 1, error.code);
  view.setUint16(icmp + 2, 0);
  view.setUint16(icmp + 4, 0);
  view.setUint16(icmp + 6, error.mtu ?? 0);
  bytesOf(view, icmp + ICMP_HEADER_LENGTH, quoted).set(
    bytesOf(original.view, original.base, quoted),
  );
  view.setUint16(icmp + 2, checksum(view, icmp, length));
  return IPV4_HEADER_LENGTH + length;
}

/**
 * True if an error may be sent about this valid packet (RFC 1122 section 3.2.2): not about an ICMP error, a packet
 * to many, a fragment but the first, or a source that is no host.
 */
export function mayReportError(packet: Ipv4Packet, length: number): boolean {
  const { source, destination } = packet;
  if (
    packet.fragmentOffset !== 0 || isMulticast(destination) ||
    destination === LIMITED_BROADCAST || source === 0 || isMulticast(source) ||
    source === LIMITED_BROADCAST
  ) return false;
  if (packet.protocol !== IpProtocol.Icmp) return true;
  if (length <= packet.headerLength) return false;
  const type = packet.view.getUint8(packet.base + packet.headerLength);
  return type === IcmpType.Echo || type === IcmpType.EchoReply;
}

function bytesOf(view: DataView, base: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + base, length);
}
