/**
 * The kernel's next hop in the Ethernet destination of an IPv4 frame, 6 bytes, written by a BPF program
 * (netdev/next_hop_program).
 *
 * | offset | size | field                                                                                 |
 * |--------|------|---------------------------------------------------------------------------------------|
 * | 0      | 1    | 0x02: a value that the kernel never writes there for IPv4                             |
 * | 1      | 1    | route type (`rtm_type`): 1 unicast, 3 broadcast, 5 multicast                          |
 * | 2      | 4    | IPv4 address of the gateway, or zero if the destination is on the link                |
 *
 * A multicast packet also has a gateway if its route has one.
 */

/** First byte of a destination written by the BPF program. */
export const NEXT_HOP_KNOWN = 0x02;
const RTN_UNICAST = 1;
/** First two bytes for a unicast route. */
export const NEXT_HOP_UNICAST = NEXT_HOP_KNOWN << 8 | RTN_UNICAST;

/** Offsets of the fields. */
export const NextHopField = { Mark: 0, RouteType: 1, Gateway: 2 } as const;
/** Bytes of the destination. */
export const NEXT_HOP_LENGTH = 6;
