/** Packets and MADs as the observers of a port receive them. */

import type { MadAddress } from "../wire/mad.ts";
import type { PostResult } from "./post_result.ts";

/**
 * A packet as passed to an observer: when it is posted, or when a queue pair polls it. A multicast packet that several
 * queue pairs receive is passed once for each of them. A large send that the port cuts into segments is passed as these.
 * On verbs and on the soft HCA a post on a closed queue pair is not passed. Valid during the call only.
 */
export interface ObservedPacket {
  readonly direction: "sent" | "received";
  /** Result of the post; `Sent` for a received packet. */
  readonly status: PostResult;
  /** QPN of the queue pair of this port. */
  readonly qpn: number;
  /** QPN of the UD queue pair: of a message sent on a connection, the receiver of the `RcQp`. */
  readonly udQpn: number;
  /**
   * Memory with the InfiniBand headers, and the offset of each; `grh` is -1 if there is none, `deth` is -1 for a message
   * of a connection, which may represent several packets: the BTH's opcode is then RC SEND only. A real device does not
   * report some fields: on verbs the PSN is 0, and a received packet shows the P_Key and Q_Key of the queue pair.
   */
  readonly headers: DataView;
  readonly lrh: number;
  readonly grh: number;
  readonly bth: number;
  readonly deth: number;
  /** The IPoIB header as a big-endian word. */
  readonly encap: number;
  /** Memory with the packet, and the offset of its payload. */
  readonly view: DataView;
  readonly payload: number;
  /** Payload length in bytes, without the IPoIB header. */
  readonly length: number;
  /** Offset in `view` of the virtio header, which marks large sends; -1 if there is none. */
  readonly vnet: number;
}

/** A MAD as passed to an observer: when its agent sends it, or when it is received. Valid during the call only. */
export interface ObservedMad {
  readonly direction: "sent" | "received";
  readonly mad: Uint8Array;
  /** The destination or the source. */
  readonly address: MadAddress;
}
