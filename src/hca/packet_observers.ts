/** The observers of a port. All listeners receive the same record, which is reused for each packet. */

import { Observers } from "../base/listeners.ts";
import { UD_SEND_ONLY } from "../wire/transport_headers.ts";
import { PostResult } from "./post_result.ts";
import type { SendMemory } from "./send_memory.ts";
import type { ObservedPacket } from "./observed.ts";
import { BTH, DETH, GRH, hasGrh, LRH } from "./ud_headers.ts";

const NOTHING = new DataView(new ArrayBuffer(0));

/** The observers of a port. */
export class PacketObservers extends Observers<[ObservedPacket]> {
  readonly #packet: {
    -readonly [K in keyof ObservedPacket]: ObservedPacket[K];
  } = {
    direction: "sent",
    status: PostResult.Sent,
    qpn: 0,
    udQpn: 0,
    headers: NOTHING,
    lrh: 0,
    grh: -1,
    bth: 0,
    deth: 0,
    encap: 0,
    view: NOTHING,
    vnet: -1,
    payload: 0,
    length: 0,
  };

  /** Sets the headers (ud_headers.ts) of the next packet, which start at `base`. */
  setHeaders(headers: DataView, base: number): void {
    const packet = this.#packet;
    packet.headers = headers;
    packet.lrh = base + LRH;
    packet.grh = hasGrh(headers, base) ? base + GRH : -1;
    packet.bth = base + BTH;
    packet.deth = headers.getUint8(base + BTH) === UD_SEND_ONLY
      ? base + DETH
      : -1;
  }

  /** Sets the IPoIB header and the payload of the next packet; see {@linkcode ObservedPacket}. */
  setPacket(
    encap: number,
    view: DataView,
    vnet: number,
    payload: number,
    length: number,
  ): void {
    const packet = this.#packet;
    packet.encap = encap;
    packet.view = view;
    packet.vnet = vnet;
    packet.payload = payload;
    packet.length = length;
  }

  /** As {@linkcode setPacket}, with the packet of `length` bytes in a slot. */
  setSlot(
    { view, stride, layout }: SendMemory,
    slot: number,
    length: number,
  ): void {
    const base = slot * stride;
    const encap = view.getInt32(base + layout.encap);
    const vnet = base + layout.vnet;
    this.setPacket(encap, view, vnet, base + layout.payload, length);
  }

  /** Calls the listeners with the packet set by {@linkcode setHeaders} and {@linkcode setPacket}. */
  deliver(
    direction: ObservedPacket["direction"],
    status: PostResult,
    qpn: number,
    udQpn: number = qpn,
  ): void {
    const packet = this.#packet;
    packet.direction = direction;
    packet.status = status;
    packet.qpn = qpn;
    packet.udQpn = udQpn;
    this.listeners.call(packet);
    packet.headers = NOTHING;
    packet.view = NOTHING;
  }
}
