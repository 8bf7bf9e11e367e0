/**
 * The buffers of a receive queue, each with a prepared work request.
 *
 * | offset | bytes   | part                                                                                |
 * |--------|---------|-------------------------------------------------------------------------------------|
 * | 0      | 40      | GRH; undefined if the packet has none, unused if it is received on a connection     |
 * | 18     | 26      | frame header, which the engine writes over parts of the other headers               |
 * | 40     | 4       | IPoIB header                                                                        |
 * | 44     | ..65520 | IP or ARP packet                                                                    |
 *
 * The frame header overwrites part of the source GID (bytes 8 to 23), so the engine reads the GID first.
 */

import { IbvRecvWr, IbvSge } from "../../../ffi/verbs_layout.ts";
import { CONNECTED_MESSAGE, ENCAP_LENGTH } from "../../base/units.ts";
import { FRAME_HEADER_LENGTH } from "../../wire/ethernet.ts";
import { GRH_LENGTH } from "../../wire/grh.ts";
import type { RxBatch } from "../rx_batch.ts";
import { highWord, lowWord } from "./device.ts";
import {
  NativeMemory,
  RegisteredMemory,
  RegisteredSummedMemory,
  type Registrar,
} from "./memory.ts";

/** Offset of the IP or ARP packet in a buffer. */
export const PAYLOAD = GRH_LENGTH + ENCAP_LENGTH;
const VNET = PAYLOAD - FRAME_HEADER_LENGTH;
const REQUEST_STRIDE = IbvRecvWr.Size + IbvSge.Size;

/** The kind of messages that a buffer is for. */
export interface BufferFormat {
  /** Bytes from one buffer to the next: the headers and the largest message, rounded up to whole cache lines. */
  readonly stride: number;
  /** Offset at which the device writes a message. */
  readonly offset: number;
  /** True if checksums are verified, so that messages are summed in place. */
  readonly summed: boolean;
}

/** Messages of a UD queue pair, to which the device adds the GRH. */
export const DATAGRAM_BUFFER: BufferFormat = {
  stride: 4160,
  offset: 0,
  summed: true,
};
/** Messages of connections. */
export const CONNECTED_BUFFER: BufferFormat = {
  stride: Math.ceil((GRH_LENGTH + CONNECTED_MESSAGE) / 64) * 64,
  offset: GRH_LENGTH,
  summed: false,
};

/** The registered memory of the buffers, and the memory of their work requests. */
export class ReceiveMemory {
  /** Number of buffers. */
  readonly buffers: number;
  readonly stride: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** See {@linkcode RxBatch.sum}; undefined unless the format is summed. */
  readonly sum: RxBatch["sum"] | undefined;
  /** Address of each buffer's frame header. */
  readonly vnetAddress: readonly bigint[];
  /** Address of each work request, as signed 32-bit words. */
  readonly requestLow: Int32Array;
  readonly requestHigh: Int32Array;
  readonly #memory: RegisteredMemory | RegisteredSummedMemory;
  readonly #requests: NativeMemory;

  /**
   * Throws `E_MEMLOCK` or `E_VERBS` if the memory cannot be registered, or the errors of {@linkcode NativeMemory}.
   *
   * @param firstId ID of the first work request; each other one has the next higher ID
   */
  constructor(
    library: Registrar,
    pd: bigint,
    buffers: number,
    { stride, offset, summed }: BufferFormat,
    firstId: number,
  ) {
    using parts = new DisposableStack();
    this.buffers = buffers;
    this.stride = stride;
    const size = buffers * stride;
    if (summed) {
      const memory = new RegisteredSummedMemory(library, pd, size);
      this.#memory = memory;
      this.sum = memory.sum;
    } else this.#memory = new RegisteredMemory(library, pd, size);
    parts.defer(() => this.#memory.close());
    const { address, lkey, bytes, view } = this.#memory;
    this.bytes = bytes;
    this.view = view;
    this.vnetAddress = Array.from(
      { length: buffers },
      (_, i) => address + BigInt(i * stride + VNET),
    );
    this.#requests = new NativeMemory(buffers * REQUEST_STRIDE);
    this.requestLow = new Int32Array(buffers);
    this.requestHigh = new Int32Array(buffers);
    for (let i = 0; i < buffers; i++) {
      const at = i * REQUEST_STRIDE;
      const request = this.#requests.address + BigInt(at);
      this.requestLow[i] = lowWord(request);
      this.requestHigh[i] = highWord(request);
      const element = at + IbvRecvWr.Size;
      const to = this.#requests.view;
      to.setBigUint64(at + IbvRecvWr.WrId, BigInt(firstId + i), true);
      to.setBigUint64(
        at + IbvRecvWr.SgList,
        this.#requests.address + BigInt(element),
        true,
      );
      to.setInt32(at + IbvRecvWr.NumSge, 1, true);
      to.setBigUint64(
        element + IbvSge.Address,
        address + BigInt(i * stride + offset),
        true,
      );
      to.setUint32(element + IbvSge.Length, stride - offset, true);
      to.setUint32(element + IbvSge.Lkey, lkey, true);
    }
    parts.move();
  }

  /** Links the work request of `buffer` to that of buffer `next`; -1 ends the chain. */
  link(buffer: number, next: number): void {
    const at = (buffer * REQUEST_STRIDE + IbvRecvWr.Next) >> 2;
    const { words } = this.#requests;
    words[at] = next < 0 ? 0 : this.requestLow[next]!;
    words[at + 1] = next < 0 ? 0 : this.requestHigh[next]!;
  }

  close(): void {
    this.#requests.close();
    this.#memory.close();
  }
}
