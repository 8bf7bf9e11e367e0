/**
 * The general services interface (QP1) of a port: MADs between ports, other than those of the subnet administrator.
 *
 * They are UD packets to QP1 (IBTA vol. 1 13.5.1) over the links between the ports, so the receiver checks LID and P_Key
 * of the sender as for any packet, credit bounds their number, and they need no subnet manager. The 256 bytes of the MAD
 * are at the place of the IP packet. A port without an interface in the partition has no link to send on; the manager
 * forwards its MADs.
 *
 * Received MADs wait for the end of the turn, because an agent may close links.
 */

import { pkeysMatch } from "../../base/units.ts";
import {
  GSI_QKEY,
  GSI_QPN,
  gsiAddress,
  MAD_LENGTH,
  type MadAddress,
} from "../../wire/mad.ts";
import type { PortAttributes } from "../port_attributes.ts";
import { PostResult } from "../post_result.ts";
import { writePacketHeaders } from "../ud_headers.ts";
import { SoftAddressHandle } from "./address_handle.ts";
import type { InLink } from "./in_link.ts";
import type { Outbound } from "./outbound.ts";
import type { PortCounters } from "./port_counters.ts";
import { DETH, LRH, PAYLOAD, STRIDE, VNET } from "./slot_layout.ts";

/** Maximum number of MADs received in one turn. */
const MAX_MADS = 256;

/** The port's objects and callbacks that its general services interface uses. */
export interface GsiParts {
  readonly port: { readonly attributes: PortAttributes };
  readonly counted: PortCounters;
  /** The port's send memories. */
  readonly outbounds: readonly Outbound[];
  /** Passes a received MAD to its agent. */
  readonly onMad: (mad: Uint8Array, from: MadAddress) => void;
}

/** See the head of this file. */
export class Gsi {
  readonly #parts: GsiParts;
  #received: { mad: Uint8Array; from: MadAddress }[] = [];

  constructor(parts: GsiParts) {
    this.#parts = parts;
  }

  /**
   * Sends a MAD to QP1 of another port, or of this one. Drops it, and counts the drop, if there is no slot or no link.
   * Returns false if the port has no memory in the partition.
   */
  send(mad: Uint8Array, to: MadAddress): boolean {
    const { port, counted, outbounds } = this.#parts;
    const { pkeys, lid, gid, state } = port.attributes;
    const pkey = pkeys[to.pkeyIndex] ?? 0;
    const outbound = pkey === 0
      ? undefined
      : outbounds.find((each) => each.isFor(pkey));
    if (!outbound) return false;
    const { pool } = outbound;
    const slot = state === "active" && mad.length === MAD_LENGTH
      ? pool.reserve(true)
      : -1;
    if (slot < 0) {
      counted.add("mads_dropped");
      return true;
    }
    const handle = new SoftAddressHandle(
      { dlid: to.lid, sl: to.sl, staticRate: 0 },
      gid,
    );
    handle.copyTo(pool.words, slot);
    const base = slot * STRIDE;
    writePacketHeaders(
      pool.view,
      base,
      MAD_LENGTH,
      lid,
      pkey,
      to.qpn,
      0,
      to.qkey,
      GSI_QPN,
    );
    pool.bytes.fill(0, base + VNET, base + PAYLOAD);
    pool.bytes.set(mad, base + PAYLOAD);
    const result = outbound.unicast(slot, MAD_LENGTH, handle);
    if (result !== PostResult.Sent) counted.add("mads_dropped");
    return true;
  }

  /** Takes a packet to QP1 that has passed the checks of inbound.ts, and returns its slot. */
  receive(link: InLink, slot: number, length: number): void {
    const { counted, port } = this.#parts;
    const { view, bytes } = link;
    const base = slot * STRIDE;
    const pkeyIndex = port.attributes.pkeys
      .findIndex((own) => pkeysMatch(own, link.pkey));
    if (view.getUint32(base + DETH) !== GSI_QKEY) {
      counted.add("qkey_violations");
    } else if (pkeyIndex < 0) {
      counted.add("pkey_violations");
    } else if (
      length !== MAD_LENGTH ||
      (view.getUint32(base + DETH + 4) & 0xffffff) !== GSI_QPN
    ) {
      counted.add("bad_header");
    } else if (this.#received.length >= MAX_MADS) {
      counted.add("mads_dropped");
    } else {
      counted.add("rcv_packets");
      const sl = view.getUint8(base + LRH + 1) >> 4;
      this.#received.push({
        mad: bytes.slice(base + PAYLOAD, base + PAYLOAD + MAD_LENGTH),
        from: gsiAddress(link.lid, pkeyIndex, sl),
      });
    }
    link.giveBack(slot);
  }

  /** Passes the received MADs to their agents. */
  deliver(): void {
    if (this.#received.length === 0) return;
    const received = this.#received;
    this.#received = [];
    for (const { mad, from } of received) this.#parts.onMad(mad, from);
  }
}
