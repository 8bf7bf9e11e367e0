/** IPv4 headers (RFC 791), for packets sent by tests. */

import { internetChecksum } from "../../src/wire/checksum.ts";
import { IPV4_HEADER_LENGTH, Ipv4Field } from "../../src/wire/ipv4.ts";

const DONT_FRAGMENT = 0x4000;

/** The fields that {@linkcode emitIpv4Header} writes. */
export interface Ipv4Header {
  source: number;
  destination: number;
  protocol: number;
  /** Length of the payload in bytes. */
  payloadLength: number;
  id?: number;
  dontFragment?: boolean;
}

/** Writes a header without options, with TTL 64 and checksum. Returns its length, 20. */
export function emitIpv4Header(
  header: Ipv4Header,
  view: DataView,
  base: number,
): number {
  view.setUint8(base, 0x45);
  view.setUint8(base + Ipv4Field.Tos, 0);
  view.setUint16(
    base + Ipv4Field.TotalLength,
    IPV4_HEADER_LENGTH + header.payloadLength,
  );
  view.setUint16(base + Ipv4Field.Id, header.id ?? 0);
  view.setUint16(
    base + Ipv4Field.Fragment,
    header.dontFragment ? DONT_FRAGMENT : 0,
  );
  view.setUint8(base + Ipv4Field.Ttl, 64);
  view.setUint8(base + Ipv4Field.Protocol, header.protocol);
  view.setUint16(base + Ipv4Field.Checksum, 0);
  view.setInt32(base + Ipv4Field.Source, header.source);
  view.setInt32(base + Ipv4Field.Destination, header.destination);
  view.setUint16(
    base + Ipv4Field.Checksum,
    internetChecksum(view, base, IPV4_HEADER_LENGTH),
  );
  return IPV4_HEADER_LENGTH;
}
