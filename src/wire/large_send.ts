/**
 * Large sends: TCP or UDP packets longer than the MTU, whose virtio header has a GSO type and the payload length of the
 * segments into which they are to be cut (segmenter.ts).
 *
 * A large send has a partial checksum (partial_checksum.ts), and the virtio header gives the offset of its transport
 * header. Nothing in the headers is trusted: they are from the kernel, which may have them from a virtual machine.
 */

import { ETHERNET_HEADER_LENGTH } from "./ethernet.ts";
import { IpProtocol, IPV4_HEADER_LENGTH, Ipv4Field } from "./ipv4.ts";
import { upperLayerOffset } from "./ipv6_header.ts";
import { TcpField, UdpField } from "./transport_fields.ts";
import { GSO_ECN, GsoType, VnetField, VnetFlag } from "./vnet.ts";

/** Byte order of the virtio header. */
const LITTLE_ENDIAN = true;
/** Bits of IPv4's word of flags and fragment offset that are set in fragments. */
const FRAGMENT = 0x3fff;

/** Maximum length of all headers of a large send: IPv6 with a routing header of 8 addresses and all options of TCP. */
export const MAX_LARGE_SEND_HEADERS = 252;

/** The checked headers of a large send. All offsets and lengths are in bytes. */
export class LargeSend {
  /** Offset of the packet. */
  ip = 0;
  /** True for IPv4, false for IPv6. */
  ipv4 = false;
  /** True for TCP, false for UDP. */
  tcp = false;
  /** Offset of the TCP or UDP header from the start of the packet. */
  transport = 0;
  /** Length of all headers. */
  headers = 0;
  /** Length of the payload, at least 1. */
  payload = 0;
  /** Length of the payload of each segment except the last one, at least 1. */
  size = 0;

  /** Length of the longest IP packet into which the large send is cut. */
  get longest(): number {
    return this.headers + Math.min(this.size, this.payload);
  }

  /**
   * Reads the headers of the packet of `length` bytes at `ip`, whose virtio header is at `vnet`. Returns false if it is
   * not a valid large send: its GSO type is none or unknown or does not match the packet, the packet is a fragment, an
   * offset or length is not in the packet, the headers are too long, or there is no payload. Ignores the lengths in the
   * IP and UDP headers.
   */
  read(view: DataView, vnet: number, ip: number, length: number): boolean {
    const gso = view.getUint8(vnet + VnetField.GsoType);
    const tcpv4 = (gso & ~GSO_ECN) === GsoType.Tcpv4;
    const tcp = tcpv4 || (gso & ~GSO_ECN) === GsoType.Tcpv6;
    if (!tcp && gso !== GsoType.UdpL4) return false;
    if (length < IPV4_HEADER_LENGTH) return false;
    const version = view.getUint8(ip) >> 4;
    const ipv4 = version === 4;
    if (tcp ? ipv4 !== tcpv4 : !ipv4 && version !== 6) return false;
    const protocol = tcp ? IpProtocol.Tcp : IpProtocol.Udp;
    const transport = ipv4
      ? ipv4PayloadOffset(protocol, view, ip)
      : upperLayerOffset(protocol, view, ip, length);
    const field = tcp ? TcpField.Checksum : UdpField.Checksum;
    if (transport === 0 || !hasChecksumAt(view, vnet, transport, field)) {
      return false;
    }
    const least = transport + (tcp ? TcpField.Length : UdpField.Length);
    if (least >= length) return false;
    const headers = tcp
      ? transport + tcpHeaderLength(view, ip + transport)
      : least;
    const size = view.getUint16(vnet + VnetField.GsoSize, LITTLE_ENDIAN);
    if (headers < least || headers >= length || size === 0) return false;
    if (headers > MAX_LARGE_SEND_HEADERS) return false;
    this.ip = ip;
    this.ipv4 = ipv4;
    this.tcp = tcp;
    this.transport = transport;
    this.headers = headers;
    this.payload = length - headers;
    this.size = size;
    return true;
  }
}

const scratch = new LargeSend();

/**
 * Returns the length of the longest IP packet into which the large send of `length` bytes at `ip` is cut, or -1 if the
 * packet with the virtio header at `vnet` is not a valid large send.
 */
export function longestSegment(
  view: DataView,
  vnet: number,
  ip: number,
  length: number,
): number {
  return scratch.read(view, vnet, ip, length) ? scratch.longest : -1;
}

/** As {@linkcode longestSegment}, but returns `length` for a packet that is not a valid large send. */
export function segmentLength(
  view: DataView,
  vnet: number,
  ip: number,
  length: number,
): number {
  const longest = longestSegment(view, vnet, ip, length);
  return longest < 0 ? length : longest;
}

/**
 * Returns the length of all headers of the large send of `length` bytes at `ip`, or 0 if the packet is not a valid one.
 * It is not hdr_len of the virtio header, which is the length of the linear part in the sender's kernel.
 */
export function largeSendHeaders(
  view: DataView,
  vnet: number,
  ip: number,
  length: number,
): number {
  return scratch.read(view, vnet, ip, length) ? scratch.headers : 0;
}

/** Returns the length of the IPv4 header at `ip`, or 0 if the packet is a fragment or has another protocol. */
function ipv4PayloadOffset(
  protocol: number,
  view: DataView,
  ip: number,
): number {
  const length = (view.getUint8(ip) & 15) << 2;
  return length < IPV4_HEADER_LENGTH ||
      view.getUint8(ip + Ipv4Field.Protocol) !== protocol ||
      (view.getUint16(ip + Ipv4Field.Fragment) & FRAGMENT) !== 0
    ? 0
    : length;
}

/** True if the virtio header says that the checksum is partial, starts at `transport`, and has its field at `field`. */
function hasChecksumAt(
  view: DataView,
  vnet: number,
  transport: number,
  field: number,
): boolean {
  const start = transport + ETHERNET_HEADER_LENGTH;
  return (view.getUint8(vnet + VnetField.Flags) & VnetFlag.NeedsChecksum) !==
      0 &&
    view.getUint16(vnet + VnetField.ChecksumStart, LITTLE_ENDIAN) === start &&
    view.getUint16(vnet + VnetField.ChecksumOffset, LITTLE_ENDIAN) === field;
}

/** Returns the length that the TCP header at `tcp` states. */
export function tcpHeaderLength(view: DataView, tcp: number): number {
  return view.getUint8(tcp + TcpField.OffsetAndFlags) >> 4 << 2;
}
