/**
 * The layout of a packet in a slot of the embedded HCA.
 *
 * The headers are those of InfiniBand, big-endian, at fixed offsets. The 40 bytes of the GRH are reserved whether or
 * not the packet has a GRH (LNH of the LRH), as in the receive buffer of a UD queue pair of real hardware. Without the
 * gaps and the parts marked "not on a wire", a slot contains the packet as it is on a wire, except for padding and
 * CRCs.
 *
 * | offset | bytes   | part                                                          |
 * |--------|---------|---------------------------------------------------------------|
 * | 0      | 8       | LRH                                                           |
 * | 8      | 40      | GRH, valid if LNH is 3                                        |
 * | 48     | 12      | BTH                                                           |
 * | 60     | 8       | DETH; of a connection, notes of the sender (rc_headers.ts)    |
 * | 68     | 4       | IPoIB header                                                  |
 * | 72     | 2       | unused                                                        |
 * | 74     | 12      | virtio header: partial checksum and large send, not on a wire |
 * | 86     | 14      | Ethernet header, not on a wire                                |
 * | 100    | ..65535 | IP packet, ARP packet                                         |
 *
 * The frame (wire/ethernet.ts) is contiguous, so one `read` from the sender's device fills the slot and one `write` to
 * the receiver's device empties it. The slot is read-only for receivers, so the sender writes an Ethernet header that
 * is valid for all of them. The gap aligns the IP packet to 4 bytes.
 */

import { UD_HEADERS_LENGTH } from "../ud_headers.ts";
import { FRAME_HEADER_LENGTH } from "../../wire/ethernet.ts";
import { VNET_HEADER_LENGTH } from "../../wire/vnet.ts";

export { BTH, DETH, GRH, LRH } from "../ud_headers.ts";
/** Offset of the IPoIB header. */
export const ENCAP = UD_HEADERS_LENGTH;
/** Offset of the virtio header, with which the frame begins. */
export const VNET = 74;
/** Offset of the Ethernet header. */
export const ETHERNET = VNET + VNET_HEADER_LENGTH;
/** Offset of the IP or ARP packet. */
export const PAYLOAD = VNET + FRAME_HEADER_LENGTH;

/** Length of the InfiniBand headers, LRH to DETH, in 32-bit words. */
export const HEADER_WORDS = UD_HEADERS_LENGTH / 4;
/** Bytes from one slot to the next: 17 pages, so that a small packet touches one page. */
export const STRIDE = 69632;

/** Slots of one send memory: enough for a peer that is descheduled for a moment at 150 000 packets/s. */
export const SLOTS = 256;
