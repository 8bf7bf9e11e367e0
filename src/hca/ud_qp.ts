/** Unreliable-datagram (UD) queue pairs: sends with a destination each, received packets in batches, groups. */

import type { IpoibError } from "../base/errors.ts";
import type { AddressHandle } from "./address_handle.ts";
import type { PostResult } from "./post_result.ts";
import type { RxBatch } from "./rx_batch.ts";
import type { SendMemory } from "./send_memory.ts";

/**
 * Moderation of receive events (`ibv_modify_cq`): an event is raised after `rxFrames` completions, or `rxUsecs`
 * microseconds after the first one. With a period of 0 every completion raises an event; with 0 frames the device
 * limits the number.
 */
export interface CqModeration {
  /** Microseconds, 16 bits. */
  readonly rxUsecs: number;
  /** 16 bits. */
  readonly rxFrames: number;
}

/** Bit 31 of a send's Q_Key: the packet carries the Q_Key of the queue pair instead (IBTA vol. 1 10.2.5). */
export const QKEY_FROM_QP = 0x80000000;

/**
 * An unreliable-datagram (UD) queue pair: each post names its destination. The packets that it receives are polled, with
 * those of the RC queue pairs that were created with it.
 */
export interface UdQp {
  /** 24 bits. */
  readonly qpn: number;
  /** Sets the Q_Key that received packets must carry. Throws `E_VERBS` if the device refuses it. */
  setQkey(qkey: number): void;
  /**
   * Posts `slot` with `length` bytes of payload after the IPoIB header. Consumes the slot whatever the result. If
   * `qkey` has the bit {@linkcode QKEY_FROM_QP}, the packet carries the queue pair's own Q_Key.
   */
  post(
    slot: number,
    length: number,
    ah: AddressHandle,
    destQpn: number,
    qkey: number,
  ): PostResult;
  /** Moves completed receives into `batch` and returns their number. */
  poll(batch: RxBatch): number;
  /** Releases the packets of the last poll after they were written out, and empties the batch. */
  release(batch: RxBatch): void;
  /** Creates a batch for `poll`. */
  createBatch(): RxBatch;
  /**
   * Copies the source GID of packet `i` to `into` (16 bytes). Returns false if the packet has no GRH. Must be called
   * before the frame header is written, see `headersMissing`.
   */
  sourceGid(batch: RxBatch, i: number, into: Uint8Array): boolean;
  /** Set by the creator; called from the reactor's loop when packets may be ready to poll. */
  onReceive: () => void;
  /**
   * Set by the creator; called, from the reactor's loop, if the device has reported an error of the queue pair and
   * refuses to restart it. The queue pair then sends and receives nothing and must be closed.
   */
  onFailure: (error: IpoibError) => void;
  /** Sets the moderation of `onReceive`. Throws `E_MODERATION` if the device fails or does not support it. */
  setModeration(moderation: CqModeration): void;
  /** Attaches the queue pair to a group (IBTA vol. 1 11.3.1). `detachMulticast` takes the same two values. */
  attachMulticast(mgid: Uint8Array, mlid: number): void;
  detachMulticast(mgid: Uint8Array, mlid: number): void;
  close(): void;
}

/** Options of a queue pair, without its send memory. */
export interface QueuePairOptions {
  pkeyIndex: number;
  /** Minimum number of received packets that can wait to be polled. */
  recvQueueSize: number;
}

/** Options of a {@linkcode UdQp}. */
export interface UdQpOptions extends QueuePairOptions {
  /** Memory of the slots that it sends; must be of the same port. */
  memory: SendMemory;
}
