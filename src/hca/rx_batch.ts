/**
 * Batches of received packets. A polled packet belongs to the caller until the batch is released.
 *
 * On the soft HCA the frame is in the sender's slot as the sender wrote it. On verbs a receive buffer has the GRH, the
 * IPoIB header and the packet only: the receiver writes the frame header over the IPoIB header and the tail of the GRH
 * ({@linkcode RxBatch.headersMissing}).
 */

/** Received packets, in arrays that each poll fills again. Entry `i` is valid if `i < count`. */
export interface RxBatch {
  count: number;
  /** Memory that holds packet `i`; packets may be in different memories. */
  readonly view: DataView[];
  /** Offset in `view[i]` of the payload, which follows the IPoIB header. */
  readonly payload: Int32Array;
  /** Payload length in bytes, without the IPoIB header. */
  readonly length: Int32Array;
  /** The IPoIB header as a big-endian word: EtherType << 16 | reserved. */
  readonly encap: Int32Array;
  /**
   * True if the 26 bytes before each payload are not a frame header yet (verbs). The receiver writes the header there
   * before it writes the frame to the device, but after calling `sourceGid`, because the header may overwrite the
   * source GID. {@linkcode RxFlag.ChecksumOk} permits VnetFlag.DataValid in the virtio header.
   */
  readonly headersMissing: boolean;
  /** Address of the frame header, 26 bytes before the payload, for the write to the network device. */
  readonly vnetAddress: bigint[];
  /**
   * Returns the sum of the big-endian 16-bit words in `length` bytes at offset `at` of the packets' memory, folded into
   * 16 bits (wire/summed_memory.ts). Absent if the memory cannot be summed in place. Not for packets of connections.
   */
  readonly sum?: (at: number, length: number) => number;
  /** QPN of the sender; for a packet of a connection, that of the `RcQp` that received it. */
  readonly sourceQpn: Int32Array;
  readonly sourceLid: Int32Array;
  /** Bits of {@linkcode RxFlag}. */
  readonly flags: Int32Array;
}

/** Flags of a received packet. */
export const RxFlag = {
  /** The packet has a GRH; `UdQp.sourceGid` copies its source GID. */
  Grh: 1,
  /** The packet was sent to a multicast group. */
  Multicast: 2,
  /** The HCA has verified the checksums of the packet. */
  ChecksumOk: 4,
  /**
   * The packet was received on a connection (`RcQp`). It has no GRH, and its source LID is 0.
   */
  Connected: 8,
} as const;
