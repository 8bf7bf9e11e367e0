/**
 * IPv4: the header as a re-pointable view, and addresses (RFC 791).
 *
 * Addresses are signed 32-bit integers of the big-endian bytes, as in the Netdev interface: 10.0.0.1 is
 * 0x0a000001, 224.0.0.1 is negative.
 */

import { checksum } from "./checksum.ts";

/** Bytes of a header without options. */
export const IPV4_HEADER_LENGTH = 20;

/** Offsets of the header's fields. */
export const Ipv4Field = {
  VersionIhl: 0,
  Tos: 1,
  TotalLength: 2,
  Id: 4,
  Fragment: 6,
  Ttl: 8,
  Protocol: 9,
  Checksum: 10,
  Source: 12,
  Destination: 16,
} as const;

/** Protocol numbers that the wire formats know. */
export const IpProtocol = {
  Icmp: 1,
  Igmp: 2,
  Tcp: 6,
  Udp: 17,
  Icmpv6: 58,
} as const;

const DONT_FRAGMENT = 0x4000;
const MORE_FRAGMENTS = 0x2000;
const FRAGMENT_OFFSET = 0x1fff;

/** A view of an IPv4 packet. Getters are only meaningful once {@linkcode Ipv4Packet.valid} said so. */
export class Ipv4Packet {
  view: DataView;
  base: number;

  constructor(view: DataView = new DataView(new ArrayBuffer(0)), base = 0) {
    this.view = view;
    this.base = base;
  }

  /** Points the view at another packet. */
  at(view: DataView, base: number): this {
    this.view = view;
    this.base = base;
    return this;
  }

  /** True if `length` bytes from the base hold a whole IPv4 packet; bytes after it may follow. */
  valid(length: number): boolean {
    if (
      length < IPV4_HEADER_LENGTH || this.base + length > this.view.byteLength
    ) return false;
    const first = this.view.getUint8(this.base);
    const header = (first & 0x0f) << 2;
    const total = this.view.getUint16(this.base + Ipv4Field.TotalLength);
    return first >> 4 === 4 && header >= IPV4_HEADER_LENGTH &&
      total >= header && total <= length;
  }

  get version(): number {
    return this.view.getUint8(this.base) >> 4;
  }
  /** Bytes of the header with its options. */
  get headerLength(): number {
    return (this.view.getUint8(this.base) & 0x0f) << 2;
  }
  get tos(): number {
    return this.view.getUint8(this.base + Ipv4Field.Tos);
  }
  /** Bytes of header and payload. */
  get totalLength(): number {
    return this.view.getUint16(this.base + Ipv4Field.TotalLength);
  }
  set totalLength(bytes: number) {
    this.view.setUint16(this.base + Ipv4Field.TotalLength, bytes);
  }
  get id(): number {
    return this.view.getUint16(this.base + Ipv4Field.Id);
  }
  set id(id: number) {
    this.view.setUint16(this.base + Ipv4Field.Id, id);
  }
  get dontFragment(): boolean {
    return (this.view.getUint16(this.base + Ipv4Field.Fragment) &
      DONT_FRAGMENT) !== 0;
  }
  get moreFragments(): boolean {
    return (this.view.getUint16(this.base + Ipv4Field.Fragment) &
      MORE_FRAGMENTS) !== 0;
  }
  /** Where this fragment stands in its datagram, in bytes. */
  get fragmentOffset(): number {
    return (this.view.getUint16(this.base + Ipv4Field.Fragment) &
      FRAGMENT_OFFSET) << 3;
  }
  get ttl(): number {
    return this.view.getUint8(this.base + Ipv4Field.Ttl);
  }
  get protocol(): number {
    return this.view.getUint8(this.base + Ipv4Field.Protocol);
  }
  get checksum(): number {
    return this.view.getUint16(this.base + Ipv4Field.Checksum);
  }
  get source(): number {
    return this.view.getInt32(this.base + Ipv4Field.Source);
  }
  get destination(): number {
    return this.view.getInt32(this.base + Ipv4Field.Destination);
  }

  /** True if the header's checksum is right. */
  checksumOk(): boolean {
    return checksum(this.view, this.base, this.headerLength) === 0;
  }

  /** Computes and stores the header's checksum. */
  updateChecksum(): void {
    const at = this.base + Ipv4Field.Checksum;
    this.view.setUint16(at, 0);
    this.view.setUint16(
      at,
      checksum(this.view, this.base, this.headerLength),
    );
  }
}

/** What {@linkcode emitIpv4Header} writes. */
export interface Ipv4Header {
  source: number;
  destination: number;
  protocol: number;
  /** Bytes after the header. */
  payloadLength: number;
  tos?: number;
  id?: number;
  dontFragment?: boolean;
  /** 64 unless given. */
  ttl?: number;
}

/** Writes a header without options, checksum included; returns its length, 20. */
export function emitIpv4Header(
  header: Ipv4Header,
  view: DataView,
  base: number,
): number {
  view.setUint8(base, 0x45);
  view.setUint8(base + Ipv4Field.Tos, header.tos ?? 0);
  view.setUint16(
    base + Ipv4Field.TotalLength,
    IPV4_HEADER_LENGTH + header.payloadLength,
  );
  view.setUint16(base + Ipv4Field.Id, header.id ?? 0);
  view.setUint16(
    base + Ipv4Field.Fragment,
    header.dontFragment ? DONT_FRAGMENT : 0,
  );
  view.setUint8(base + Ipv4Field.Ttl, header.ttl ?? 64);
  view.setUint8(base + Ipv4Field.Protocol, header.protocol);
  view.setInt32(base + Ipv4Field.Source, header.source);
  view.setInt32(base + Ipv4Field.Destination, header.destination);
  new Ipv4Packet(view, base).updateChecksum();
  return IPV4_HEADER_LENGTH;
}
