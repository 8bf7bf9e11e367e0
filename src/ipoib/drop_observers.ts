/**
 * The observers of the packets that an interface drops, for captures. A packet that the port drops when it is posted, a
 * frame that the kernel refuses after the write, and a packet of the interface's own without a slot are not passed to
 * them.
 */

import { Observers } from "../base/listeners.ts";
import { EtherType } from "../wire/encap.ts";
import { ETHERNET_HEADER_LENGTH, EthernetField } from "../wire/ethernet.ts";
import { VNET_HEADER_LENGTH } from "../wire/vnet.ts";
import type { DropReason } from "./statistics.ts";

const NOTHING = new DataView(new ArrayBuffer(0));

/** A dropped packet. Valid during the call only. */
export interface DroppedPacket {
  readonly direction: "sent" | "received";
  readonly reason: DropReason;
  readonly etherType: number;
  /** Memory with the packet, and the offset of its IP or ARP header. */
  readonly view: DataView;
  readonly payload: number;
  /** Bytes of the packet, without Ethernet or IPoIB header. May be 0 or less for a frame that ends in its header. */
  readonly length: number;
  /** Offset in `view` of the virtio header; -1 if there is none. */
  readonly vnet: number;
}

/** The observers of an interface. All receive the same record, which is reused for each packet. */
export class DropObservers extends Observers<[DroppedPacket]> {
  readonly #packet: { -readonly [K in keyof DroppedPacket]: DroppedPacket[K] } =
    {
      direction: "sent",
      reason: "tx_malformed",
      etherType: 0,
      view: NOTHING,
      payload: 0,
      length: 0,
      vnet: -1,
    };

  /** Passes on a packet of the kernel, whose frame starts with a virtio header at `vnet`. */
  sent(
    reason: DropReason,
    view: DataView,
    vnet: number,
    length: number,
  ): void {
    const ethernet = vnet + VNET_HEADER_LENGTH;
    const packet = this.#packet;
    packet.direction = "sent";
    packet.etherType = etherTypeOf(view, ethernet);
    packet.vnet = vnet;
    packet.payload = ethernet + ETHERNET_HEADER_LENGTH;
    this.#deliver(reason, view, length);
  }

  /** Passes on a received packet with the IPoIB header `encap`. */
  received(
    reason: DropReason,
    encap: number,
    view: DataView,
    payload: number,
    length: number,
  ): void {
    const packet = this.#packet;
    packet.direction = "received";
    packet.etherType = encap >>> 16;
    packet.vnet = -1;
    packet.payload = payload;
    this.#deliver(reason, view, length);
  }

  #deliver(reason: DropReason, view: DataView, length: number): void {
    const packet = this.#packet;
    packet.reason = reason;
    packet.view = view;
    packet.length = length;
    this.listeners.call(packet);
    packet.view = NOTHING;
  }
}

/**
 * Returns the EtherType of a frame. If the IPoIB header has replaced it (hca/send_memory.ts), the packet itself shows its
 * type.
 */
function etherTypeOf(view: DataView, ethernet: number): number {
  const type = view.getUint16(ethernet + EthernetField.Type);
  if (type !== 0) return type;
  const version = view.getUint8(ethernet + ETHERNET_HEADER_LENGTH) >> 4;
  if (version === 4) return EtherType.Ipv4;
  return version === 6 ? EtherType.Ipv6 : EtherType.Arp;
}
