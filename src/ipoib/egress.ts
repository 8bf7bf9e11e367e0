/**
 * Destinations of packets and their egresses.
 *
 * A destination has one egress at a time, which its state machine replaces: a queue while an address, a path or a join
 * is pending, then a route. The transmitter does not distinguish between them.
 */

import type { Millis } from "../base/units.ts";
import type { EthernetKind } from "../wire/ethernet.ts";

/** Sends, queues or drops packets. */
export interface Egress {
  /**
   * Sends the packet of `length` bytes in `slot`, whose headers are written, queues a copy, or drops and counts it.
   * Consumes the slot in any case.
   */
  send(slot: number, length: number): void;
}

/** Destination of a packet: a neighbour, a peer, a group or a multipath set. */
export interface Destination {
  /** Kind of the Ethernet destination address that the receiver's kernel sees. */
  readonly kind: EthernetKind;
  /** Current egress, read by the data path for each packet. */
  readonly egress: Egress;
}

/** A destination of IP packets of the kernel: a neighbour, a group or a multipath set. */
export interface IpDestination extends Destination {
  /** Time of the last IP packet, written by the data path for each packet. */
  usedAt: Millis;
}
