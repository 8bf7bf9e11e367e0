/** The taps of a port, and the one record that they all see. */

import { Listeners } from "../base/listeners.ts";
import { PostResult, type TappedPacket } from "./hca.ts";
import { BTH, DETH, GRH, hasGrh, LRH } from "./ud_headers.ts";

const NOTHING = new DataView(new ArrayBuffer(0));

export class Taps {
  /** True while there is a listener; only then need the other methods be called. */
  active = false;
  readonly #listeners = new Listeners<[TappedPacket]>();
  readonly #packet: { -readonly [K in keyof TappedPacket]: TappedPacket[K] } = {
    direction: "sent",
    status: PostResult.Sent,
    qpn: 0,
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

  /** See {@linkcode HcaPort.tap}. */
  add(listener: (packet: TappedPacket) => void): () => void {
    const end = this.#listeners.add(listener);
    this.active = true;
    return () => {
      end();
      this.active = this.#listeners.count > 0;
    };
  }

  /** Says where the headers (ud_headers.ts) of the next packet begin, before {@linkcode tell}. */
  headersAt(headers: DataView, base: number): void {
    const packet = this.#packet;
    packet.headers = headers;
    packet.lrh = base + LRH;
    packet.grh = hasGrh(headers, base) ? base + GRH : -1;
    packet.bth = base + BTH;
    packet.deth = base + DETH;
  }

  /** Says where the next packet lies, before {@linkcode tell}; see {@linkcode TappedPacket}. */
  packetAt(
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

  tell(
    direction: TappedPacket["direction"],
    status: PostResult,
    qpn: number,
  ): void {
    const packet = this.#packet;
    packet.direction = direction;
    packet.status = status;
    packet.qpn = qpn;
    this.#listeners.call(packet);
    packet.headers = NOTHING;
    packet.view = NOTHING;
  }
}
