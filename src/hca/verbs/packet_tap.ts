/**
 * What the taps of a port are told of a queue pair's packets: a device neither shows the headers that it writes nor, but for the
 * GRH, those that it reads, so they are composed of the address handle, the completion and the queue pair.
 */

import { ENCAP_LENGTH } from "../../base/units.ts";
import { gidEquals } from "../../wire/gid.ts";
import { Grh, GRH_LENGTH } from "../../wire/grh.ts";
import { MULTICAST_QPN } from "../../wire/link_address.ts";
import {
  type AddressHandleAttributes,
  type PortAttributes,
  PostResult,
  type RxBatch,
  RxFlag,
  type TappedPacket,
} from "../hca.ts";
import type { Taps } from "../taps.ts";
import {
  GRH,
  UD_HEADERS_LENGTH,
  writePacketHeaders,
  writePathHeaders,
} from "../ud_headers.ts";
import { PAYLOAD } from "./receive_memory.ts";
import type { VerbsSendMemory } from "./send_memory.ts";

/** A group that the queue pair is attached to. */
export interface Attached {
  readonly mgid: Uint8Array;
  readonly mlid: number;
}

/** What a queue pair has that its packets carry. */
export interface TappedQp {
  readonly qpn: number;
  readonly pkey: number;
  readonly qkey: number;
  readonly groups: readonly Attached[];
}

export class PacketTap {
  readonly #taps: Taps;
  readonly #port: { readonly attributes: PortAttributes };
  readonly #qp: TappedQp;
  readonly #headers = new DataView(new ArrayBuffer(UD_HEADERS_LENGTH));
  readonly #grh = new Grh();
  readonly #gid = new Uint8Array(16);

  constructor(
    taps: Taps,
    port: { readonly attributes: PortAttributes },
    qp: TappedQp,
  ) {
    this.#taps = taps;
    this.#port = port;
    this.#qp = qp;
  }

  /** True if {@linkcode sent} and {@linkcode received} have somebody to tell. */
  get active(): boolean {
    return this.#taps.active;
  }

  /** A packet was posted. */
  sent(
    status: PostResult,
    { view, stride, layout }: VerbsSendMemory,
    slot: number,
    length: number,
    path: AddressHandleAttributes,
    destQpn: number,
    qkey: number,
  ): void {
    const { lid, gid } = this.#port.attributes;
    writePathHeaders(this.#headers, path, gid);
    this.#transport(length, lid, destQpn, qkey, this.#qp.qpn);
    const base = slot * stride;
    const encap = view.getInt32(base + layout.encap);
    const vnet = base + layout.vnet;
    this.#taps.packetAt(encap, view, vnet, base + layout.payload, length);
    this.#tell("sent", status);
  }

  /** Packet `i` of the batch was polled, as its completion has `sl` and `pathBits`. */
  received(batch: RxBatch, i: number, sl: number, pathBits: number): void {
    const view = batch.view[i]!;
    const payload = batch.payload[i]!;
    const length = batch.length[i]!;
    const global = (batch.flags[i]! & RxFlag.Grh) !== 0;
    const multicast = (batch.flags[i]! & RxFlag.Multicast) !== 0;
    const grh = this.#grh.at(view, payload - PAYLOAD);
    const { attributes } = this.#port;
    grh.copyDgid(this.#gid);
    writePathHeaders(this.#headers, {
      dlid: multicast ? this.#mlid() : attributes.lid | pathBits,
      sl,
      staticRate: 0,
      ...(global
        ? {
          grh: {
            dgid: this.#gid,
            flowLabel: grh.flowLabel,
            hopLimit: grh.hopLimit,
            trafficClass: grh.trafficClass,
            sgidIndex: 0,
          },
        }
        : {}),
    }, this.#gid);
    const { qpn, qkey } = this.#qp;
    const to = multicast ? MULTICAST_QPN : qpn;
    const from = batch.sourceQpn[i]!;
    this.#transport(length, batch.sourceLid[i]!, to, qkey, from);
    if (global) this.#copyGrh(view, grh.base);
    this.#taps.packetAt(batch.encap[i]!, view, -1, payload, length);
    this.#tell("received", PostResult.Sent);
  }

  #transport(
    length: number,
    slid: number,
    destQpn: number,
    qkey: number,
    sourceQpn: number,
  ): void {
    const message = length + ENCAP_LENGTH;
    const { pkey } = this.#qp;
    const headers = this.#headers;
    writePacketHeaders(
      headers,
      0,
      message,
      slid,
      pkey,
      destQpn,
      0,
      qkey,
      sourceQpn,
    );
  }

  /** As it came: the source GID above all. */
  #copyGrh(view: DataView, from: number): void {
    for (let i = 0; i < GRH_LENGTH; i += 4) {
      this.#headers.setInt32(GRH + i, view.getInt32(from + i));
    }
  }

  /** The multicast LID of the group whose GID was copied; 0 if the queue pair has left it. */
  #mlid(): number {
    const { groups } = this.#qp;
    return groups.find(({ mgid }) => gidEquals(mgid, this.#gid))?.mlid ?? 0;
  }

  #tell(direction: TappedPacket["direction"], status: PostResult): void {
    this.#taps.headersAt(this.#headers, 0);
    this.#taps.tell(direction, status, this.#qp.qpn);
  }
}
