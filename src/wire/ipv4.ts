/**
 * IPv4: offsets of the header fields, and protocol numbers (RFC 791).
 *
 * Addresses are the big-endian bytes as a signed 32-bit integer: 10.0.0.1 is 0x0a000001, and 224.0.0.1 is negative.
 */

/** Bytes of a header without options. */
export const IPV4_HEADER_LENGTH = 20;
/** Maximum bytes of a packet, which Total Length can state. */
export const MAX_IP_PACKET = 65_535;

/** Offsets of the header fields. */
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

/** Protocol numbers. */
export const IpProtocol = {
  Icmp: 1,
  Igmp: 2,
  Tcp: 6,
  Udp: 17,
  Icmpv6: 58,
} as const;
