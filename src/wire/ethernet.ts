/**
 * Frame header: the bytes before each packet on a TAP device with IFF_VNET_HDR.
 *
 * | offset | size | field                                                  |
 * |--------|------|--------------------------------------------------------|
 * | 0      | 12   | virtio header (vnet.ts)                                |
 * | 12     | 6    | Ethernet destination                                   |
 * | 18     | 6    | Ethernet source                                        |
 * | 24     | 2    | EtherType, big-endian                                  |
 * | 26     |      | packet                                                 |
 *
 * A destination is one of three kinds (IEEE 802 section 8.2; Linux eth_type_trans): broadcast is ff:ff:ff:ff:ff:ff,
 * multicast is any other address with bit 0 of the first byte set, and all others are host addresses.
 */

import { VNET_HEADER_LENGTH } from "./vnet.ts";

/** Bytes of the Ethernet header. */
export const ETHERNET_HEADER_LENGTH = 14;
/** Bytes of a frame before the packet. */
export const FRAME_HEADER_LENGTH = VNET_HEADER_LENGTH + ETHERNET_HEADER_LENGTH;

/** Offsets in the Ethernet header. */
export const EthernetField = { Destination: 0, Source: 6, Type: 12 } as const;

/** Bit of the first byte that is set in multicast and broadcast addresses. */
const ETHERNET_MULTICAST_BIT = 1;

/** Kinds of addresses. */
export const EthernetKind = { Host: 0, Broadcast: 1, Multicast: 2 } as const;
export type EthernetKind = typeof EthernetKind[keyof typeof EthernetKind];

/** Returns the kind of the 6-byte address at offset `at`. */
export function ethernetKind(view: DataView, at: number): EthernetKind {
  if ((view.getUint8(at) & ETHERNET_MULTICAST_BIT) === 0) {
    return EthernetKind.Host;
  }
  return view.getInt32(at) === -1 && view.getUint16(at + 4) === 0xffff
    ? EthernetKind.Broadcast
    : EthernetKind.Multicast;
}
