/**
 * Address handles of the embedded HCA: the packet headers of a path, made once and copied for every packet.
 *
 * What differs from packet to packet (length, P_Key, destination QPN, PSN, Q_Key, source QPN) is written over
 * the copy, see ud_qp.ts.
 */

import { Opcode } from "../../wire/bth.ts";
import { FIRST_MLID } from "../../wire/lrh.ts";
import type { AddressHandle, AddressHandleAttributes } from "../hca.ts";
import type { OutLink } from "./out_link.ts";
import { BTH, GRH, HEADER_WORDS, LRH } from "./slot_layout.ts";

const LNH_LOCAL = 2;
const LNH_GLOBAL = 3;
const IP_VERSION_6 = 6;
const NEXT_HEADER_BTH = 0x1b;

/** See {@linkcode AddressHandle}. */
export class SoftAddressHandle implements AddressHandle {
  readonly dlid: number;
  readonly multicast: boolean;
  readonly grh: boolean;
  /** LRH to DETH as they lie in memory. */
  readonly header = new Int32Array(HEADER_WORDS);
  /** The way to the peer, found at the first packet and again after it broke. */
  link: OutLink | undefined;

  constructor(attributes: AddressHandleAttributes, sgid: Uint8Array) {
    this.dlid = attributes.dlid;
    this.multicast = attributes.dlid >= FIRST_MLID;
    this.grh = attributes.grh !== undefined;
    const bytes = new Uint8Array(this.header.buffer);
    const view = new DataView(this.header.buffer);
    view.setUint8(
      LRH + 1,
      attributes.sl << 4 | (this.grh ? LNH_GLOBAL : LNH_LOCAL),
    );
    view.setUint16(LRH + 2, attributes.dlid);
    view.setUint8(BTH, Opcode.UdSendOnly);
    if (attributes.grh) {
      const { trafficClass, flowLabel, hopLimit, dgid } = attributes.grh;
      view.setUint32(
        GRH,
        (IP_VERSION_6 << 28 | trafficClass << 20 | flowLabel) >>> 0,
      );
      view.setUint8(GRH + 6, NEXT_HEADER_BTH);
      view.setUint8(GRH + 7, hopLimit);
      bytes.set(sgid, GRH + 8);
      bytes.set(dgid, GRH + 24);
    }
  }

  destroy(): void {
    this.link = undefined;
  }
}
