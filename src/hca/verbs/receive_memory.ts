/**
 * The receive buffers of a queue pair, each with a prepared work request.
 *
 * | offset | bytes  | part                                                                     |
 * |--------|--------|--------------------------------------------------------------------------|
 * | 0      | 40     | GRH; undefined if the packet has none                                    |
 * | 18     | 26     | frame header, which the engine writes over parts of the other headers    |
 * | 40     | 4      | IPoIB header                                                             |
 * | 44     | ..4092 | IP or ARP packet                                                         |
 *
 * The frame header overwrites part of the source GID (bytes 8 to 23), so the engine reads the GID first.
 */

import { IbvRecvWr, IbvSge } from "../../../ffi/verbs_layout.ts";
import { ENCAP_LENGTH } from "../../base/units.ts";
import { FRAME_HEADER_LENGTH } from "../../wire/ethernet.ts";
import { GRH_LENGTH } from "../../wire/grh.ts";
import { highWord, lowWord } from "./device.ts";
import { NativeMemory, RegisteredMemory, type Registrar } from "./memory.ts";

/** Offset of the IP or ARP packet in a buffer. */
export const PAYLOAD = GRH_LENGTH + ENCAP_LENGTH;
const VNET = PAYLOAD - FRAME_HEADER_LENGTH;
/** Bytes from one buffer to the next: the GRH and the largest message, rounded up to whole cache lines. */
export const STRIDE = 4160;
const REQUEST_STRIDE = IbvRecvWr.Size + IbvSge.Size;

/** The registered memory of the buffers, and the memory of their work requests. */
export class ReceiveMemory {
  /** Number of buffers. */
  readonly buffers: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Address of each buffer's frame header. */
  readonly vnetAddress: readonly bigint[];
  /** Address of each work request, as signed 32-bit words. */
  readonly requestLow: Int32Array;
  readonly requestHigh: Int32Array;
  readonly #memory: RegisteredMemory;
  readonly #requests: NativeMemory;

  /** Throws `E_VERBS` if the memory cannot be registered. */
  constructor(library: Registrar, pd: bigint, buffers: number) {
    this.buffers = buffers;
    this.#memory = new RegisteredMemory(library, pd, buffers * STRIDE);
    const { address, lkey, bytes, view } = this.#memory;
    this.bytes = bytes;
    this.view = view;
    this.vnetAddress = Array.from(
      { length: buffers },
      (_, i) => address + BigInt(i * STRIDE + VNET),
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
      to.setBigUint64(at + IbvRecvWr.WrId, BigInt(i), true);
      to.setBigUint64(
        at + IbvRecvWr.SgList,
        this.#requests.address + BigInt(element),
        true,
      );
      to.setInt32(at + IbvRecvWr.NumSge, 1, true);
      to.setBigUint64(
        element + IbvSge.Address,
        address + BigInt(i * STRIDE),
        true,
      );
      to.setUint32(element + IbvSge.Length, STRIDE, true);
      to.setUint32(element + IbvSge.Lkey, lkey, true);
    }
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
