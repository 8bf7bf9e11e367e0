/**
 * The last stage of transmission: posts packets to the UD queue pair of an interface and counts what became of them.
 *
 * The doorbells ring once per turn of the loop, when the HCA is flushed. Nothing here allocates for a packet.
 */

import { ENCAP_LENGTH, type Millis } from "../base/units.ts";
import {
  type AddressHandle,
  PostResult,
  type SendMemory,
  type UdQp,
} from "../hca/hca.ts";
import { encapWord } from "../wire/encap.ts";
import type { EthernetKind } from "../wire/ethernet.ts";
import { writeEthernetHeader } from "../wire/frame_header.ts";
import { GsoType } from "../wire/vnet.ts";
import { WaitingTotal } from "./waiting_total.ts";
import { type DropReason, Stat, type Statistics } from "./statistics.ts";

const GSO_TYPE = 1;
const GSO_HEADERS = 2;

/** Why a post failed, as a drop reason; indexed by {@linkcode PostResult}. */
const postDrops: readonly DropReason[] = [
  "tx_not_ready",
  "tx_unreachable",
  "tx_too_long",
  "tx_no_credit",
  "tx_not_ready",
];

export class UdSender {
  /** The queue pair; absent while the link is down. */
  qp: UdQp | undefined;
  /** Of the broadcast group. */
  qkey = 0;
  /** The time of this batch: a field, because a fraction passed from function to function would be allocated anew. */
  now: Millis = 0.5;
  readonly memory: SendMemory;
  readonly statistics: Statistics;
  /** Packets that wait for a destination's egress. */
  readonly waiting = new WaitingTotal();
  readonly #totals: Float64Array;

  constructor(memory: SendMemory, statistics: Statistics) {
    this.memory = memory;
    this.statistics = statistics;
    this.#totals = statistics.totals.values;
  }

  /** Writes the IPoIB header and the Ethernet header of the packet in `slot`. */
  writeHeaders(slot: number, kind: EthernetKind, etherType: number): void {
    const { view, stride, layout } = this.memory;
    const base = slot * stride;
    writeEthernetHeader(view, base + layout.ethernet, kind, etherType);
    view.setInt32(base + layout.encap, encapWord(etherType));
  }

  /** Posts `slot`, which is given back whatever becomes of the packet. */
  post(
    slot: number,
    length: number,
    ah: AddressHandle,
    qpn: number,
  ): PostResult {
    const { view, stride, layout } = this.memory;
    const vnet = slot * stride + layout.vnet;
    let bytes = length + ENCAP_LENGTH;
    if (view.getUint8(vnet + GSO_TYPE) !== GsoType.None) {
      bytes -= view.getUint16(vnet + GSO_HEADERS, true) -
        (layout.payload - layout.ethernet);
    }
    const result = this.qp
      ? this.qp.post(slot, length, ah, qpn, this.qkey)
      : this.#unposted(slot);
    if (result === PostResult.Sent) {
      this.#totals[Stat.TxPackets]!++;
      this.#totals[Stat.TxBytes]! += bytes;
    } else {
      this.statistics.drop(postDrops[result]!);
      if (result === PostResult.TooLong) {
        this.statistics.totals.add("tx_errors");
      }
    }
    return result;
  }

  /** Gives `slot` back unsent. */
  drop(slot: number, reason: DropReason): void {
    this.memory.unreserve(slot);
    this.statistics.drop(reason);
  }

  #unposted(slot: number): PostResult {
    this.memory.unreserve(slot);
    return PostResult.NotReady;
  }
}
