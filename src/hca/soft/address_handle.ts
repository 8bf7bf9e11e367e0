/**
 * Address handles of the embedded HCA: the packet headers of a path, made once and copied for every packet.
 *
 * What differs from packet to packet (length, P_Key, destination QPN, PSN, Q_Key, source QPN) is written over
 * the copy, see ud_qp.ts.
 */

import { FIRST_MLID } from "../../wire/lrh.ts";
import type { AddressHandle, AddressHandleAttributes } from "../hca.ts";
import { writePathHeaders } from "../ud_headers.ts";
import type { OutLink } from "./out_link.ts";
import { HEADER_WORDS } from "./slot_layout.ts";

/** See {@linkcode AddressHandle}. */
export class SoftAddressHandle implements AddressHandle {
  readonly dlid: number;
  readonly multicast: boolean;
  /** LRH to DETH as they lie in memory. */
  readonly header = new Int32Array(HEADER_WORDS);
  /** The way to the peer, found at the first packet and again after it broke. */
  link: OutLink | undefined;

  constructor(attributes: AddressHandleAttributes, sgid: Uint8Array) {
    this.dlid = attributes.dlid;
    this.multicast = attributes.dlid >= FIRST_MLID;
    writePathHeaders(new DataView(this.header.buffer), attributes, sgid);
  }

  destroy(): void {
    this.link = undefined;
  }
}
