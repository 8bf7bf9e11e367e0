/**
 * Ethernet header of received frames, 14 bytes.
 *
 * All devices have the same Ethernet address, which is not visible because the link type is InfiniBand. A header
 * written by the sending process is therefore valid for every receiver. Only the kind of the destination is significant
 * (Linux `eth_type_trans`): host, broadcast or multicast.
 *
 * | offset | size | field                                                              |
 * |--------|------|--------------------------------------------------------------------|
 * | 0      | 6    | destination: 02:00:00:00:00:01, ff x 6 or 01:00:5e:00:00:00        |
 * | 6      | 6    | source: 02:00:00:00:00:02                                          |
 * | 12     | 2    | EtherType                                                          |
 */

import { EthernetField, EthernetKind } from "./ethernet.ts";

/** Ethernet address of every device. */
export const HOST_ADDRESS = Uint8Array.of(0x02, 0, 0, 0, 0, 0x01);

/** Bytes 0 to 3 and 4 to 7 of the header by kind, and bytes 8 to 11. */
const HIGH = [0x02000000, -1, 0x01005e00];
const MIDDLE = [0x00010200, 0xffff0200 | 0, 0x00000200];
const LOW = 0x00000002;

/**
 * Writes all 14 bytes of the header at offset `at`. The bytes that the kernel left there may be uninitialized kernel
 * memory, which must not leave the process.
 */
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
