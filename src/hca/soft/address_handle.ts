/**
 * Address handles of the embedded HCA: the packet headers of a path, built once and copied into every packet.
 *
 * The fields that differ between packets (length, P_Key, destination QPN, PSN, Q_Key, source QPN) are written over the
 * copy (ud_headers.ts, connected_headers.ts).
 */

import { FIRST_MLID } from "../../wire/lrh.ts";
import type {
  AddressHandle,
  AddressHandleAttributes,
} from "../address_handle.ts";
import { writePathHeaders } from "../ud_headers.ts";
import type { OutLink } from "./out_link.ts";
import { HEADER_WORDS, STRIDE } from "./slot_layout.ts";

/** See {@linkcode AddressHandle}. */
export class SoftAddressHandle implements AddressHandle {
  readonly dlid: number;
  readonly multicast: boolean;
  /** LRH to DETH in big-endian bytes, as 32-bit words for copying. */
  readonly #header = new Int32Array(HEADER_WORDS);
  /** Link to the peer of a unicast handle, looked up for the first packet and again if the link is no longer usable. */
  link: OutLink | undefined;

  constructor(attributes: AddressHandleAttributes, sgid: Uint8Array) {
    this.dlid = attributes.dlid;
    this.multicast = attributes.dlid >= FIRST_MLID;
    writePathHeaders(new DataView(this.#header.buffer), attributes, sgid);
  }

  /** Copies the headers into a slot of the memory with these words. */
  copyTo(words: Int32Array, slot: number): void {
    const header = this.#header;
    const first = slot * STRIDE >> 2;
    for (let i = 0; i < HEADER_WORDS; i++) words[first + i] = header[i]!;
  }

  destroy(): void {
    this.link = undefined;
  }
}
