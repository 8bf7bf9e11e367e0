/**
 * The Ethernet header of the frames of our devices, 14 bytes.
 *
 * All our devices have one Ethernet address, which shows nowhere: the link type is InfiniBand. So the header that the
 * sender writes fits every receiver. Only the kind of the destination has a meaning (Linux `eth_type_trans`): host,
 * broadcast or multicast.
 *
 * | offset | size | field                                                              |
 * |--------|------|--------------------------------------------------------------------|
 * | 0      | 6    | destination: 02:00:00:00:00:01, ff x 6 or 01:00:5e:00:00:00        |
 * | 6      | 6    | source: 02:00:00:00:00:02                                          |
 * | 12     | 2    | EtherType                                                          |
 */

import { EthernetField, EthernetKind } from "./ethernet.ts";

/** The address of every device. */
export const HOST_ADDRESS = Uint8Array.of(0x02, 0, 0, 0, 0, 0x01);

/** First six bytes, then the first two of the source; by kind. */
const HIGH = [0x02000000, -1, 0x01005e00];
const MIDDLE = [0x00010200, 0xffff0200 | 0, 0x00000200];
const LOW = 0x00000002;

/** Writes all 14 bytes at `at`. What the kernel left there may be memory of its own, and must not leave the host. */
export function writeEthernetHeader(
  view: DataView,
  at: number,
  kind: EthernetKind,
  etherType: number,
): void {
  view.setInt32(at, HIGH[kind]!);
  view.setInt32(at + 4, MIDDLE[kind]!);
  view.setInt32(at + 8, LOW);
  view.setUint16(at + EthernetField.Type, etherType);
}
