/**
 * The records in the ring of a capture. All words are in host order.
 *
 * | word | contents                                                                   |
 * |------|----------------------------------------------------------------------------|
 * | 0    | length of the record in bytes (ring.ts)                                    |
 * | 1    | {@linkcode RecordKind}                                                     |
 * | 2    | {@linkcode RecordFlag}                                                     |
 * | 3, 4 | time: seconds since 1970, nanoseconds                                      |
 * | 5    | why the packet was dropped: index into a list of names, or -1 if it was not |
 * | 6    | length in bytes of the packet                                              |
 * | 7    | QPN of the interface's queue pair that sent or received the packet, or 0   |
 *
 * The body follows. It has the layout of a slot of the embedded HCA, so that the packet may be a large send or have a
 * partial checksum: the reader does what the data worker would have to do for each packet.
 *
 * | offset | bytes | part                                                       |
 * |--------|-------|------------------------------------------------------------|
 * | 0      | 68    | InfiniBand headers: LRH, GRH, BTH, DETH (hca/ud_headers.ts) |
 * | 68     | 4     | IPoIB header                                               |
 * | 72     | 2     | unused                                                     |
 * | 74     | 12    | virtio header                                              |
 * | 86     | 14    | Ethernet header                                            |
 * | 100    |       | packet: IP, ARP or a MAD                                   |
 */

import { FRAME_HEADER_LENGTH } from "../wire/ethernet.ts";
import { VNET_HEADER_LENGTH } from "../wire/vnet.ts";

/** Kinds of records. 0 is padding (ring.ts). */
export const RecordKind = {
  /** A packet at the fabric edge. The Ethernet header is undefined. */
  Packet: 1,
  /** A MAD. The IPoIB header, the virtio header and the Ethernet header are undefined. */
  Mad: 2,
  /** A frame at the host edge. The InfiniBand headers and the IPoIB header are undefined. */
  Frame: 3,
} as const;
export type RecordKind = typeof RecordKind[keyof typeof RecordKind];

export const RecordFlag = {
  /** The host sent the packet; otherwise it received it. */
  Sent: 1,
} as const;

/** The words of a record. */
export const RecordWord = {
  Kind: 1,
  Flags: 2,
  Seconds: 3,
  Nanoseconds: 4,
  Reason: 5,
  PacketLength: 6,
  Qpn: 7,
} as const;

/** Bytes of the words before the body. */
export const RECORD_HEADER_LENGTH = 32;
/** Bytes of the InfiniBand headers, LRH to DETH. */
export const IB_HEADERS_LENGTH = 68;

/** Offsets in the body. */
export const BodyField = {
  Lrh: 0,
  Grh: 8,
  Bth: 48,
  Deth: 60,
  Encap: IB_HEADERS_LENGTH,
  Vnet: 74,
  Ethernet: 74 + VNET_HEADER_LENGTH,
  Packet: 74 + FRAME_HEADER_LENGTH,
} as const;

/** Version of the ring and of its records, which the two processes must share. */
export const CAPTURE_VERSION = 1;
