/**
 * Work requests for the sends of a port: those that its UD queue pairs share, or those that its connections share, so
 * that neither has to wait for the other. Each has two scatter/gather elements, and registered memory for the IPoIB
 * header and the headers of a segment (wire/segmenter.ts).
 *
 * | offset | bytes | part                            |
 * |--------|-------|---------------------------------|
 * | 0      | 128   | `struct ibv_send_wr`            |
 * | 128    | 32    | two scatter/gather elements     |
 *
 * Only the fields that differ between packets are written when a packet is sent.
 */

import { Ibv, IbvSendWr, IbvSge } from "../../../ffi/verbs_layout.ts";
import { ENCAP_LENGTH } from "../../base/units.ts";
import { MAX_LARGE_SEND_HEADERS } from "../../wire/large_send.ts";
import { highWord, lowWord } from "./device.ts";
import { NativeMemory } from "./memory.ts";

/**
 * Default number of requests of the UD queue pairs: one for each slot, and 1 MiB of segments at an IB MTU of 2048. More would
 * only make the queue in front of the link longer.
 */
export const SEND_REQUESTS = 512;
/** Number of requests of the connections: four peers that do not acknowledge leave some to the others. */
export const CONNECTED_REQUESTS = 640;
/** Bytes from one work request, with its scatter/gather elements, to the next. */
export const REQUEST_STRIDE = IbvSendWr.Size + 2 * IbvSge.Size;
/** Bytes for the headers of each request. */
export const REQUEST_HEADERS = ENCAP_LENGTH + MAX_LARGE_SEND_HEADERS;

const ELEMENTS = IbvSendWr.NumSge >> 2;
const FIRST = IbvSendWr.Size >> 2;
const SECOND = (IbvSendWr.Size + IbvSge.Size) >> 2;
const LENGTH = IbvSge.Length >> 2;
const WORDS = REQUEST_STRIDE >> 2;

/** The registered memory of the packets and the headers. */
export interface SendRegion {
  readonly address: bigint;
  readonly lkey: number;
}

export class SendRequests {
  /** Work request `i` begins at word `i * REQUEST_STRIDE / 4`. */
  readonly words: Int32Array;
  /** Address of each work request, as signed 32-bit words. */
  readonly low: Int32Array;
  readonly high: Int32Array;
  /** Slot with the packet of each request in use. */
  readonly slot: Int32Array;
  readonly #memory: NativeMemory;
  /** Address of the region. A number, because calculating with a BigInt allocates memory. */
  readonly #region: number;
  readonly #headers: number;
  readonly #free: Int32Array;
  #freeCount: number;

  /**
   * Throws the errors of {@linkcode NativeMemory}.
   *
   * @param count number of requests
   * @param headers offset in the region of the headers, REQUEST_HEADERS bytes for each request
   */
  constructor(region: SendRegion, count: number, headers: number) {
    this.#region = Number(region.address);
    this.#headers = headers;
    this.low = new Int32Array(count);
    this.high = new Int32Array(count);
    this.slot = new Int32Array(count);
    this.#free = new Int32Array(count);
    this.#freeCount = count;
    this.#memory = new NativeMemory(count * REQUEST_STRIDE);
    this.words = this.#memory.words;
    const { view, address } = this.#memory;
    for (let i = 0; i < count; i++) {
      const at = i * REQUEST_STRIDE;
      const request = address + BigInt(at);
      const elements = at + IbvSendWr.Size;
      this.low[i] = lowWord(request);
      this.high[i] = highWord(request);
      view.setBigUint64(at + IbvSendWr.WrId, BigInt(i), true);
      view.setBigUint64(
        at + IbvSendWr.SgList,
        address + BigInt(elements),
        true,
      );
      view.setInt32(at + IbvSendWr.Opcode, Ibv.WR_SEND, true);
      this.#free[i] = count - 1 - i;
    }
    this.setLkey(region.lkey);
  }

  /** Sets the L_Key of the region, which a new registration of it changes. */
  setLkey(lkey: number): void {
    const { view } = this.#memory;
    for (let i = 0; i < this.low.length; i++) {
      const elements = i * REQUEST_STRIDE + IbvSendWr.Size;
      for (const element of [elements, elements + IbvSge.Size]) {
        view.setUint32(element + IbvSge.Lkey, lkey, true);
      }
    }
  }

  /** Number of free requests. */
  get free(): number {
    return this.#freeCount;
  }

  /** Takes a free request, or returns -1. */
  take(): number {
    return this.#freeCount === 0 ? -1 : this.#free[--this.#freeCount]!;
  }

  /** Frees a request. */
  give(request: number): void {
    this.#free[this.#freeCount++] = request;
  }

  /** Returns the offset in the region of the IPoIB header of a segment; its other headers follow. */
  headersOf(request: number): number {
    return this.#headers + request * REQUEST_HEADERS;
  }

  /** Sends the `length` bytes at offset `from` of the region. */
  sendOne(request: number, from: number, length: number): void {
    const at = request * WORDS;
    this.words[at + ELEMENTS] = 1;
    this.#setElement(at + FIRST, from, length);
  }

  /** Sends `headers` bytes of {@linkcode headersOf}, then the `length` bytes at offset `from` of the region. */
  sendTwo(
    request: number,
    headers: number,
    from: number,
    length: number,
  ): void {
    const at = request * WORDS;
    this.words[at + ELEMENTS] = 2;
    this.#setElement(at + FIRST, this.headersOf(request), headers);
    this.#setElement(at + SECOND, from, length);
  }

  close(): void {
    this.#memory.close();
  }

  #setElement(at: number, from: number, length: number): void {
    const { words } = this;
    const address = this.#region + from;
    words[at] = address | 0;
    words[at + 1] = address / 2 ** 32 | 0;
    words[at + LENGTH] = length;
  }
}
