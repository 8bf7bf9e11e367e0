/**
 * How a packet lies in a slot of the embedded HCA.
 *
 * The headers are InfiniBand's own, big-endian, at fixed places: the GRH has its 40 bytes whether the packet
 * has one or not (LNH in the LRH tells), as in the receive buffer of a real UD queue pair. A capture that
 * closes the gaps has the packet as a wire would carry it.
 *
 * | offset | bytes   | part                                                          |
 * |--------|---------|---------------------------------------------------------------|
 * | 0      | 8       | LRH                                                           |
 * | 8      | 40      | GRH, valid if LNH is 3                                        |
 * | 48     | 12      | BTH                                                           |
 * | 60     | 8       | DETH                                                          |
 * | 68     | 4       | IPoIB header                                                  |
 * | 72     | 2       | unused                                                        |
 * | 74     | 12      | virtio header: partial checksum and large send, not on a wire |
 * | 86     | 14      | Ethernet header, not on a wire                                |
 * | 100    | ..65535 | IP packet, ARP packet                                         |
 *
 * The frame (wire/ethernet.ts) stands in one piece, so that one `read` of the sender's device fills the slot and one `write`
 * to the receiver's device empties it: the sender writes an Ethernet header that fits every receiver, since the slot is
 * read-only for them. The gap keeps the packet aligned to 4 bytes.
 */

import { UD_HEADERS_LENGTH } from "../ud_headers.ts";
import { FRAME_HEADER_LENGTH } from "../../wire/ethernet.ts";
import { VNET_HEADER_LENGTH } from "../../wire/vnet.ts";

export { BTH, DETH, GRH, LRH } from "../ud_headers.ts";
export const ENCAP = UD_HEADERS_LENGTH;
export const VNET = 74;
export const ETHERNET = VNET + VNET_HEADER_LENGTH;
export const PAYLOAD = VNET + FRAME_HEADER_LENGTH;

/** Words of the InfiniBand headers, LRH to DETH. */
export const HEADER_WORDS = UD_HEADERS_LENGTH / 4;
/** Bytes from one slot to the next: 17 pages, so that a small packet touches one page. */
export const STRIDE = 69632;
/** The largest IP packet. */
export const CAPACITY = 65535;

/** Slots of a port: what covers a peer that is off its processor for a moment at 150 000 packets/s. */
export const SLOTS = 256;
