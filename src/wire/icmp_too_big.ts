/**
 * ICMP messages about packets that exceed the MTU of a link: IPv4 "fragmentation needed" (RFC 792, RFC 1191) and ICMPv6
 * "packet too big" (RFC 4443 section 3.2).
 *
 * The source of the message is the destination of the packet, because the kernel drops a message from one of its own
 * addresses.
 *
 * | offset | size | IPv4                       | ICMPv6              |
 * |--------|------|----------------------------|---------------------|
 * | 0      | 1    | type: 3                    | type: 2             |
 * | 1      | 1    | code: 4                    | code: 0             |
 * | 2      | 2    | checksum                   | checksum            |
 * | 4      | 4    | 0 (2 bytes), MTU (2 bytes) | MTU                 |
 * | 8      |      | start of the packet        | start of the packet |
 */

import { bytesAt } from "./bytes.ts";
import { icmpv6Checksum, internetChecksum } from "./checksum.ts";
import { IpProtocol, IPV4_HEADER_LENGTH, Ipv4Field } from "./ipv4.ts";
import { IPV6_HEADER_LENGTH, Ipv6Field, NextHeader } from "./ipv6_header.ts";

const ICMP_HEADER_LENGTH = 8;
/** Maximum length of an error message: RFC 1812 section 4.3.2.3, RFC 4443 section 2.4. */
const MAX_IPV4_MESSAGE = 576;
const MAX_IPV6_MESSAGE = 1280;
const TTL = 64;
const DESTINATION_UNREACHABLE = 3;
const FRAGMENTATION_NEEDED = 4;
const PACKET_TOO_BIG = 2;

/** Returns the message about the IPv4 packet of `length` bytes at `ip`, an IPv4 packet itself. */
export function ipv4TooBig(
  view: DataView,
  ip: number,
  length: number,
  mtu: number,
): Uint8Array {
  const headers = IPV4_HEADER_LENGTH + ICMP_HEADER_LENGTH;
  const quoted = Math.min(length, MAX_IPV4_MESSAGE - headers);
  const packet = new Uint8Array(headers + quoted);
  const out = new DataView(packet.buffer);
  out.setUint8(Ipv4Field.VersionIhl, 4 << 4 | IPV4_HEADER_LENGTH >> 2);
  out.setUint16(Ipv4Field.TotalLength, packet.length);
  out.setUint8(Ipv4Field.Ttl, TTL);
  out.setUint8(Ipv4Field.Protocol, IpProtocol.Icmp);
  out.setInt32(Ipv4Field.Source, view.getInt32(ip + Ipv4Field.Destination));
  out.setInt32(Ipv4Field.Destination, view.getInt32(ip + Ipv4Field.Source));
  out.setUint16(
    Ipv4Field.Checksum,
    internetChecksum(out, 0, IPV4_HEADER_LENGTH),
  );
  const icmp = IPV4_HEADER_LENGTH;
  out.setUint8(icmp, DESTINATION_UNREACHABLE);
  out.setUint8(icmp + 1, FRAGMENTATION_NEEDED);
  out.setUint16(icmp + 6, mtu);
  packet.set(bytesAt(view, ip, quoted), headers);
  out.setUint16(
    icmp + 2,
    internetChecksum(out, icmp, ICMP_HEADER_LENGTH + quoted),
  );
  return packet;
}

/** Returns the message about the IPv6 packet of `length` bytes at `ip`, an IPv6 packet itself. */
export function ipv6TooBig(
  view: DataView,
  ip: number,
  length: number,
  mtu: number,
): Uint8Array {
  const headers = IPV6_HEADER_LENGTH + ICMP_HEADER_LENGTH;
  const quoted = Math.min(length, MAX_IPV6_MESSAGE - headers);
  const packet = new Uint8Array(headers + quoted);
  const out = new DataView(packet.buffer);
  out.setUint8(0, 6 << 4);
  out.setUint16(Ipv6Field.PayloadLength, ICMP_HEADER_LENGTH + quoted);
  out.setUint8(Ipv6Field.NextHeader, NextHeader.Icmpv6);
  out.setUint8(Ipv6Field.HopLimit, TTL);
  packet.set(bytesAt(view, ip + Ipv6Field.Destination, 16), Ipv6Field.Source);
  packet.set(bytesAt(view, ip + Ipv6Field.Source, 16), Ipv6Field.Destination);
  const icmp = IPV6_HEADER_LENGTH;
  out.setUint8(icmp, PACKET_TOO_BIG);
  out.setUint32(icmp + 4, mtu);
  packet.set(bytesAt(view, ip, quoted), headers);
  out.setUint16(
    icmp + 2,
    icmpv6Checksum(out, 0, icmp, ICMP_HEADER_LENGTH + quoted),
  );
  return packet;
}
