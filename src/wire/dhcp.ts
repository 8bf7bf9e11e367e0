/**
 * DHCPv4 messages in IPv4 packets, and their hardware address fields and client identifier, which differ between a link
 * without hardware addresses and IPoIB (RFC 2131, RFC 4390).
 *
 * | offset | size | field                                              |
 * |--------|------|----------------------------------------------------|
 * | 0      | 1    | op: 1 request, 2 reply                             |
 * | 1      | 1    | htype: 32 on IPoIB                                 |
 * | 2      | 1    | hlen: 0 on IPoIB                                   |
 * | 4      | 4    | xid                                                |
 * | 10     | 2    | flags: bit 15 requests replies by broadcast        |
 * | 12     | 4    | ciaddr                                             |
 * | 24     | 4    | giaddr                                             |
 * | 28     | 16   | chaddr: zero on IPoIB                              |
 * | 236    | 4    | 63 82 53 63                                        |
 * | 240    |      | options: code, length, value; 0 pads, 255 ends     |
 */

import { bytesAt } from "./bytes.ts";
import { internetChecksum, udpChecksum } from "./checksum.ts";
import { IpProtocol, IPV4_HEADER_LENGTH, Ipv4Field } from "./ipv4.ts";

/** Values of op. */
export const DhcpOp = { Request: 1, Reply: 2 } as const;

const SERVER_PORT = 67;
const CLIENT_PORT = 68;
const UDP_LENGTH = 8;
const UDP_DESTINATION_PORT = 2;
const UDP_LENGTH_FIELD = 4;
const UDP_CHECKSUM = 6;
/** More fragments, and the fragment offset. */
const FRAGMENT = 0x3fff;

const HTYPE = 1;
const HLEN = 2;
const XID = 4;
const FLAGS = 10;
const CIADDR = 12;
const GIADDR = 24;
const CHADDR = 28;
const CHADDR_LENGTH = 16;
const COOKIE_AT = 236;
const COOKIE = 0x63825363;
const OPTIONS = 240;
const BROADCAST = 0x8000;
/** Minimum length of a BOOTP message (RFC 1542 section 2.1). */
const MIN_MESSAGE = 300;

const PAD = 0;
const CLIENT_IDENTIFIER = 61;
const END = 255;

/** Bytes by which {@linkcode rewriteDhcp} may lengthen a message: an identifier of 255 bytes and the end option. */
export const MAX_DHCP_GROWTH = 258;

/** A DHCP message in a packet. */
export interface DhcpMessage {
  readonly op: number;
  readonly xid: number;
  /** True if the client has no address yet. */
  readonly noAddress: boolean;
  /** True if the message passed a relay agent. */
  readonly relayed: boolean;
  readonly htype: number;
  readonly hlen: number;
  /** 16 bytes. */
  readonly chaddr: Uint8Array;
  /** Value of the client identifier option; undefined without that option. */
  readonly clientId: Uint8Array | undefined;
  /** Offset of the message in the packet. */
  readonly offset: number;
  /** End of the message in the packet: its length as UDP has it. */
  readonly end: number;
}

/** The fields that {@linkcode rewriteDhcp} replaces. */
export interface DhcpChange {
  readonly htype: number;
  readonly hlen: number;
  /** 16 bytes. */
  readonly chaddr: Uint8Array;
  /** Value of the client identifier; undefined for no option. */
  readonly clientId: Uint8Array | undefined;
  /** True to set the broadcast flag. */
  readonly broadcast: boolean;
}

/** True if the valid IPv4 packet of `length` bytes at `ip` is a UDP packet to the port of DHCP servers or clients. */
export function isDhcp(view: DataView, ip: number, length: number): boolean {
  if (view.getUint8(ip + Ipv4Field.Protocol) !== IpProtocol.Udp) return false;
  const header = headerLength(view, ip);
  if (header + UDP_LENGTH > length) return false;
  const port = view.getUint16(ip + header + UDP_DESTINATION_PORT);
  return port === SERVER_PORT || port === CLIENT_PORT;
}

/** Parses the message in a packet for which `isDhcp` is true. Returns undefined if it is malformed or a fragment. */
export function parseDhcp(
  view: DataView,
  ip: number,
  length: number,
): DhcpMessage | undefined {
  const header = headerLength(view, ip);
  const offset = header + UDP_LENGTH;
  const end = header + view.getUint16(ip + header + UDP_LENGTH_FIELD);
  const valid = header >= IPV4_HEADER_LENGTH && end <= length &&
    end >= offset + OPTIONS &&
    (view.getUint16(ip + Ipv4Field.Fragment) & FRAGMENT) === 0 &&
    view.getUint32(ip + offset + COOKIE_AT) === COOKIE;
  if (!valid) return undefined;
  const clientId = findClientId(view, ip + offset + OPTIONS, ip + end);
  if (clientId === "malformed") return undefined;
  const base = ip + offset;
  return {
    op: view.getUint8(base),
    xid: view.getUint32(base + XID),
    noAddress: view.getUint32(base + CIADDR) === 0,
    relayed: view.getUint32(base + GIADDR) !== 0,
    htype: view.getUint8(base + HTYPE),
    hlen: view.getUint8(base + HLEN),
    chaddr: bytesAt(view, base + CHADDR, CHADDR_LENGTH).slice(),
    clientId,
    offset,
    end,
  };
}

/**
 * Writes the packet at `ip` with changed fields to `into` at `at`, with correct lengths and checksums. Other options
 * keep their order; the client identifier comes last. Returns the length of the new packet.
 */
export function rewriteDhcp(
  view: DataView,
  ip: number,
  { offset, end }: DhcpMessage,
  change: DhcpChange,
  into: DataView,
  at: number,
): number {
  const out = bytesAt(into, at, into.byteLength - at);
  const options = offset + OPTIONS;
  out.set(bytesAt(view, ip, options));
  const message = at + offset;
  into.setUint8(message + HTYPE, change.htype);
  into.setUint8(message + HLEN, change.hlen);
  out.set(change.chaddr, offset + CHADDR);
  if (change.broadcast) {
    into.setUint16(
      message + FLAGS,
      into.getUint16(message + FLAGS) | BROADCAST,
    );
  }
  let to = options;
  for (const [code, from, length] of optionsOf(view, ip + options, ip + end)) {
    if (code === CLIENT_IDENTIFIER) continue;
    out.set(bytesAt(view, from, length), to);
    to += length;
  }
  if (change.clientId) {
    out.set([CLIENT_IDENTIFIER, change.clientId.length], to);
    out.set(change.clientId, to + 2);
    to += 2 + change.clientId.length;
  }
  out[to++] = END;
  // As long as before, if possible: some servers refuse messages that are shorter than BOOTP's.
  const length = Math.max(to, Math.min(end, offset + MIN_MESSAGE));
  out.fill(0, to, length);
  finish(into, at, length);
  return length;
}

/** Sets the lengths and checksums of IPv4 and UDP. */
function finish(view: DataView, ip: number, length: number): void {
  const header = headerLength(view, ip);
  const udp = ip + header;
  view.setUint16(ip + Ipv4Field.TotalLength, length);
  view.setUint16(ip + Ipv4Field.Checksum, 0);
  view.setUint16(ip + Ipv4Field.Checksum, internetChecksum(view, ip, header));
  view.setUint16(udp + UDP_LENGTH_FIELD, length - header);
  view.setUint16(udp + UDP_CHECKSUM, 0);
  // Zero means that there is no checksum (RFC 768).
  const checksum = udpChecksum(view, ip, udp, length - header) || 0xffff;
  view.setUint16(udp + UDP_CHECKSUM, checksum);
}

function findClientId(
  view: DataView,
  from: number,
  end: number,
): Uint8Array | undefined | "malformed" {
  let found: Uint8Array | undefined;
  for (const [code, at, length] of optionsOf(view, from, end)) {
    if (length < 0) return "malformed";
    if (code === CLIENT_IDENTIFIER) {
      found = bytesAt(view, at + 2, length - 2).slice();
    }
  }
  return found;
}

/** Yields code, offset and length of each option with a value; a length of -1 for one that exceeds the end. */
function* optionsOf(
  view: DataView,
  from: number,
  end: number,
): Generator<[code: number, at: number, length: number]> {
  for (let at = from; at < end;) {
    const code = view.getUint8(at);
    if (code === END) return;
    if (code === PAD) {
      at++;
      continue;
    }
    const length = at + 1 < end ? 2 + view.getUint8(at + 1) : Infinity;
    if (at + length > end) {
      yield [code, at, -1];
      return;
    }
    yield [code, at, length];
    at += length;
  }
}

function headerLength(view: DataView, ip: number): number {
  return (view.getUint8(ip) & 0x0f) << 2;
}
