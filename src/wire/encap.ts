/**
 * The IPoIB encapsulation header: four bytes before every packet (RFC 4391 section 6).
 *
 * | offset | size | field                                        |
 * |--------|------|----------------------------------------------|
 * | 0      | 2    | EtherType                                    |
 * | 2      | 2    | reserved: zero when sent, ignored on receipt |
 *
 * The engine handles the header as one big-endian word in a signed 32-bit integer, which V8 stores without allocation.
 */

/** EtherTypes on an IPoIB link: those of the RFC, and TIPC, which ib_ipoib also accepts. */
export const EtherType = {
  Ipv4: 0x0800,
  Arp: 0x0806,
  Rarp: 0x8035,
  Ipv6: 0x86dd,
  Tipc: 0x88ca,
} as const;

/** Returns the header for an EtherType as a signed 32-bit integer. */
export function encapWord(type: number): number {
  return type << 16;
}
