/**
 * Last transmit stage: posts packets to the UD queue pair of an interface, or to the RC queue pair of a connection, and
 * counts sent and dropped packets.
 *
 * Doorbells ring once per reactor turn, when the port is flushed. Posting a packet allocates nothing.
 */

import { ENCAP_LENGTH, type Millis } from "../base/units.ts";
import type { AddressHandle } from "../hca/address_handle.ts";
import { PostResult } from "../hca/post_result.ts";
import type { RcQp } from "../hca/rc_qp.ts";
import type { SendMemory } from "../hca/send_memory.ts";
import type { UdQp } from "../hca/ud_qp.ts";
import { hex } from "../base/hex.ts";
import { encapWord } from "../wire/encap.ts";
import type { EthernetKind } from "../wire/ethernet.ts";
import { writeEthernetHeader } from "../wire/frame_header.ts";
import { MAX_IP_PACKET } from "../wire/ipv4.ts";
import { largeSendHeaders, segmentLength } from "../wire/large_send.ts";
import { GsoType, VnetField } from "../wire/vnet.ts";
import type { DebugLog } from "./debug_log.ts";
import { type Traffic, TrafficCount } from "./traffic.ts";
import { WaitingTotal } from "./waiting_total.ts";
import { type DropReason, Stat, type Statistics } from "./statistics.ts";

/** Drop reason for each {@linkcode PostResult}; the entry for `Sent` is unused. */
export const postDrops: readonly DropReason[] = [
  "tx_not_ready",
  "tx_unreachable",
  "tx_too_long",
  "tx_no_credit",
  "tx_not_ready",
  "tx_malformed",
];

export class PacketSender {
  /** Queue pair to post to; undefined while the link is down. */
  qp: UdQp | undefined;
  /** Q_Key of the broadcast group. */
  qkey = 0;
  /** MTU of the broadcast group in bytes of an IP packet: the limit for packets on the UD queue pair. */
  mtu = MAX_IP_PACKET;
  /**
   * Called with each packet that exceeds the MTU of its route, before its slot is released. `mtu` is that of the route.
   */
  onTooLong: (slot: number, length: number, mtu: number) => void = () => {};
  /** Time of the current batch. A field, because V8 allocates a fractional number that is passed as an argument. */
  now: Millis = 0.5;
  readonly memory: SendMemory;
  readonly statistics: Statistics;
  /** Memory used by packets that wait for an address, a path or a join. */
  readonly waiting = new WaitingTotal();
  readonly #totals: Float64Array;
  readonly #debug: DebugLog;

  constructor(memory: SendMemory, statistics: Statistics, debug: DebugLog) {
    this.#debug = debug;
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

  /**
   * Posts the packet of `length` bytes in `slot` on the UD queue pair and counts the result, in `traffic` too if the
   * packet is sent. Consumes the slot in any case.
   */
  post(
    slot: number,
    length: number,
    ah: AddressHandle,
    qpn: number,
    traffic: Traffic,
  ): PostResult {
    if (length > this.mtu && !this.fits(slot, length, this.mtu)) {
      return this.dropTooLong(slot, length, this.mtu);
    }
    if (this.#debug.packets) this.#logPacket(length, qpn);
    const bytes = this.#wireBytes(slot, length);
    const result = this.qp
      ? this.qp.post(slot, length, ah, qpn, this.qkey)
      : this.#unposted(slot, length);
    this.#count(result, bytes, traffic);
    return result;
  }

  /** As {@linkcode post}, on the RC queue pair of a connection. */
  postConnected(
    slot: number,
    length: number,
    qp: RcQp,
    traffic: Traffic,
  ): PostResult {
    if (this.#debug.packets) this.#logPacket(length, qp.qpn);
    const bytes = this.#wireBytes(slot, length);
    const result = qp.post(slot, length);
    this.#count(result, bytes, traffic);
    return result;
  }

  /** True if the packet, or each segment of a large send, fits `mtu`. */
  fits(slot: number, length: number, mtu: number): boolean {
    if (length <= mtu) return true;
    const { view, stride, layout } = this.memory;
    const base = slot * stride;
    return segmentLength(
      view,
      base + layout.vnet,
      base + layout.payload,
      length,
    ) <= mtu;
  }

  /** Drops a packet that exceeds the MTU of its route. */
  dropTooLong(slot: number, length: number, mtu: number): PostResult {
    this.onTooLong(slot, length, mtu);
    this.tapDrop(slot, length, "tx_too_long");
    this.memory.unreserve(slot);
    this.#countDrop(PostResult.TooLong);
    return PostResult.TooLong;
  }

  /** Releases `slot`, with a packet of `length` bytes, unsent and counts the drop. */
  drop(slot: number, length: number, reason: DropReason): void {
    this.tapDrop(slot, length, reason);
    this.memory.unreserve(slot);
    this.statistics.drop(reason);
  }

  /** Passes the packet of `length` bytes in `slot`, which is to be dropped, to the observers. */
  tapDrop(slot: number, length: number, reason: DropReason): void {
    const { dropObservers } = this.statistics;
    if (!dropObservers.active) return;
    const { view, stride, layout } = this.memory;
    const base = slot * stride;
    dropObservers.sent(reason, view, base + layout.vnet, length);
  }

  #logPacket(length: number, qpn: number): void {
    this.#debug.data(
      `sending packet, length=${length + ENCAP_LENGTH} qpn=${hex(qpn, 6)}`,
    );
  }

  /**
   * Returns the bytes that tx_bytes counts for a packet: of a large send those of its payload. The driver removes all
   * headers, the IPoIB header too, before it posts one (Linux ipoib_send).
   */
  #wireBytes(slot: number, length: number): number {
    const { view, stride, layout } = this.memory;
    const base = slot * stride;
    const vnet = base + layout.vnet;
    if (view.getUint8(vnet + VnetField.GsoType) !== GsoType.None) {
      const ip = base + layout.payload;
      const headers = largeSendHeaders(view, vnet, ip, length);
      if (headers > 0) return length - headers;
    }
    return length + ENCAP_LENGTH;
  }

  #count(result: PostResult, bytes: number, traffic: Traffic): void {
    if (result === PostResult.Sent) {
      this.#totals[Stat.TxPackets]!++;
      this.#totals[Stat.TxBytes]! += bytes;
      traffic[TrafficCount.TxPackets]!++;
      traffic[TrafficCount.TxBytes]! += bytes;
    } else this.#countDrop(result);
  }

  #countDrop(result: PostResult): void {
    this.statistics.drop(postDrops[result]!);
    if (result === PostResult.TooLong) {
      this.statistics.totals.add("tx_errors");
    }
  }

  #unposted(slot: number, length: number): PostResult {
    this.tapDrop(slot, length, "tx_not_ready");
    this.memory.unreserve(slot);
    return PostResult.NotReady;
  }
}
