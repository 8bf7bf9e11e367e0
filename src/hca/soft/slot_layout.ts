/**
 * How a packet lies in a slot of the embedded HCA.
 *
 * The headers are InfiniBand's own, big-endian, at fixed places: the GRH has its 40 octets whether the packet
 * has one or not (LNH in the LRH tells), as in the receive buffer of a real UD queue pair. A capture that
 * closes the gaps has the packet as a wire would carry it.
 *
 * | offset | octets  | part                                                          |
 * |--------|---------|---------------------------------------------------------------|
 * | 0      | 8       | LRH                                                           |
 * | 8      | 40      | GRH, valid if LNH is 3                                        |
 * | 48     | 12      | BTH                                                           |
 * | 60     | 8       | DETH                                                          |
 * | 68     | 4       | IPoIB header                                                  |
 * | 72     | 12      | virtio header: partial checksum and large send, not on a wire |
 * | 84     | ..65535 | IP packet, ARP packet                                         |
 *
 * The virtio header stands directly before the IP packet, so that one `read` of the sender's TUN fills the slot
 * and one `write` to the receiver's TUN empties it. Multiples of four keep every field aligned.
 */

import { VNET_HEADER_LENGTH } from "../../wire/vnet.ts";
import { ENCAP_LENGTH } from "../../base/units.ts";

export const LRH = 0;
export const GRH = 8;
export const BTH = 48;
export const DETH = 60;
export const ENCAP = 68;
export const VNET = ENCAP + ENCAP_LENGTH;
export const PAYLOAD = VNET + VNET_HEADER_LENGTH;

/** Words of the InfiniBand headers, LRH to DETH. */
export const HEADER_WORDS = ENCAP / 4;
/** Octets from one slot to the next: 17 pages, so that a small packet touches one page. */
export const STRIDE = 69632;
/** The largest IP packet. */
export const CAPACITY = 65535;

/** Slots of a port: what covers a peer that is off its processor for a moment at 150 000 packets/s. */
export const SLOTS = 256;
