/**
 * The kernel's next hop in the Ethernet addresses of an IPv4 or IPv6 frame, written by a BPF program
 * (netdev/next_hop_program).
 *
 * A destination on the link, or an IPv4 gateway, 6 bytes:
 *
 * | offset | size | field                                                                                 |
 * |--------|------|---------------------------------------------------------------------------------------|
 * | 0      | 1    | 0x02                                                                                  |
 * | 1      | 1    | route type (`rtm_type`): 1 unicast, 3 broadcast, 5 multicast; for IPv6 always 1       |
 * | 2      | 4    | IPv4 address of the gateway, or zero if the destination is on the link                |
 *
 * An IPv6 gateway, of a packet of either family, 12 bytes:
 *
 * | offset | size | field                                                                                 |
 * |--------|------|---------------------------------------------------------------------------------------|
 * | 0      | 1    | 0x06                                                                                  |
 * | 1      | 1    | route type, as above                                                                  |
 * | 2      | 1    | number of the high 8 bytes of the gateway in the program's table (gateway_prefixes.ts)|
 * | 3      | 1    | unspecified                                                                           |
 * | 4      | 8    | low 8 bytes of the gateway                                                            |
 *
 * The kernel itself writes 0x00 or 0xff as the first byte. A multicast packet also has a gateway if its route has one.
 */

/** First byte of a destination on the link or of an IPv4 gateway. */
export const NEXT_HOP_KNOWN = 0x02;
/** First byte of an IPv6 gateway. */
export const NEXT_HOP_GATEWAY6 = 0x06;
/** Route type of a unicast route. */
export const RTN_UNICAST = 1;
/** First two bytes of a unicast packet to a destination on the link or to an IPv4 gateway. */
export const NEXT_HOP_UNICAST = NEXT_HOP_KNOWN << 8 | RTN_UNICAST;
/** First two bytes of a unicast packet to an IPv6 gateway. */
export const NEXT_HOP_UNICAST6 = NEXT_HOP_GATEWAY6 << 8 | RTN_UNICAST;

/** Offsets of the fields. */
export const NextHopField = {
  Mark: 0,
  RouteType: 1,
  Gateway: 2,
  Prefix: 2,
  Interface: 4,
} as const;
/** Bytes with a destination on the link or an IPv4 gateway. */
export const NEXT_HOP_LENGTH = 6;
/** Bytes with an IPv6 gateway. */
export const NEXT_HOP6_LENGTH = 12;
/** Number of entries of the program's table. */
export const GATEWAY_PREFIXES = 64;
