/**
 * The next hop in the Ethernet destination of an IPv4 frame, 6 bytes: a program in the kernel writes the kernel's own choice
 * there (netdev/next_hop_program).
 *
 * | offset | size | field                                                                                 |
 * |--------|------|---------------------------------------------------------------------------------------|
 * | 0      | 1    | 0x02: what the kernel itself never has there for IPv4                                 |
 * | 1      | 1    | type of the route (`rtm_type`): 1 unicast, 3 broadcast, 5 multicast                   |
 * | 2      | 4    | the gateway's IPv4 address, or zeros if the packet's destination is on the link       |
 *
 * A multicast has a gateway too if its route has one.
 */

/** First byte: the next hop is known. */
export const NEXT_HOP_KNOWN = 0x02;
const RTN_UNICAST = 1;
/** First two bytes of a unicast's. */
export const TOLD_UNICAST = NEXT_HOP_KNOWN << 8 | RTN_UNICAST;

/** Offsets of the fields. */
export const ToldField = { Mark: 0, RouteType: 1, Gateway: 2 } as const;
/** Bytes of all. */
export const TOLD_LENGTH = 6;
