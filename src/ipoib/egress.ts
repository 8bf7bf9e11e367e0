/**
 * Ways out: what a destination sends by.
 *
 * A destination has one egress at a time, replaced by its state machine: a queue while an address, a path or a join is
 * waited for, then the route. The transmitter knows no kinds of them.
 */

import type { EthernetKind } from "../wire/ethernet.ts";

/** A way out. */
export interface Egress {
  /**
   * Takes the packet of `length` bytes in `slot`, whose headers are written: sends it, keeps a copy, or drops and counts it.
   * The slot is given back in any case.
   */
  send(slot: number, length: number): void;
}

/** What an IP address leads to. */
export interface Destination {
  /** What the receiver's kernel is to take a frame for. */
  readonly kind: EthernetKind;
  /** Packets go here: the data path looks at nothing else. */
  readonly egress: Egress;
}
