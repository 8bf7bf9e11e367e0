/**
 * Passes the packets of a queue pair to the observers of its port.
 *
 * A device reports neither the headers that it sends nor, except for the GRH, those that it receives. They are composed
 * from the address handle or the completion, and from the queue pair.
 */

import { ENCAP_LENGTH } from "../../base/units.ts";
import { gidEquals } from "../../wire/gid.ts";
import { Grh, GRH_LENGTH } from "../../wire/grh.ts";
import { MULTICAST_QPN } from "../../wire/link_address.ts";
import type { AddressHandleAttributes } from "../address_handle.ts";
import type { PortAttributes } from "../port_attributes.ts";
import { PostResult } from "../post_result.ts";
import { type RxBatch, RxFlag } from "../rx_batch.ts";
import type { PacketObservers } from "../packet_observers.ts";
import { GRH, writePacketHeaders, writePathHeaders } from "../ud_headers.ts";
import type { Attached } from "./attached_groups.ts";
import { ConnectedPacketPublisher } from "./connected_packet_publisher.ts";
import { PacketPublisher } from "./packet_publisher.ts";
import { PAYLOAD } from "./receive_memory.ts";
import type { VerbsSendMemory } from "./send_memory.ts";
import { sentPackets } from "./sent_packets.ts";

/** The attributes of a queue pair that appear in packet headers. */
export interface ObservedQp {
  readonly qpn: number;
  readonly pkey: number;
  readonly qkey: number;
  readonly groups: readonly Attached[];
}

/** Publishes the packets of one queue pair. */
export class UdPacketPublisher extends PacketPublisher {
  /** Publishes the messages of its connections. */
  readonly connected: ConnectedPacketPublisher;
  readonly #qp: ObservedQp;
  readonly #grh = new Grh();
  readonly #gid = new Uint8Array(16);

  constructor(
    observers: PacketObservers,
    port: { readonly attributes: PortAttributes },
    qp: ObservedQp,
  ) {
    super(observers, port);
    this.#qp = qp;
    this.connected = new ConnectedPacketPublisher(observers, port, qp);
  }

  /**
   * Passes a posted packet to the observers; a large send as its segments.
   *
   * @param length bytes of payload after the IPoIB header
   */
  sent(
    status: PostResult,
    memory: VerbsSendMemory,
    slot: number,
    length: number,
    path: AddressHandleAttributes,
    destQpn: number,
    qkey: number,
  ): void {
    const { lid, gid } = this.port.attributes;
    const slid = lid | (path.pathBits ?? 0);
    const packets = sentPackets(this.observers, status, memory, slot, length);
    for (const packet of packets) {
      writePathHeaders(this.headers, path, gid);
      this.#writePacketHeaders(packet, slid, destQpn, qkey, this.#qp.qpn);
      this.deliver("sent", status, this.#qp.qpn, this.#qp.qpn);
    }
  }

  /** Passes polled packet `i` of the batch to the observers, with the SL and the path bits of its completion. */
  received(batch: RxBatch, i: number, sl: number, pathBits: number): void {
    const view = batch.view[i]!;
    const payload = batch.payload[i]!;
    const length = batch.length[i]!;
    const global = (batch.flags[i]! & RxFlag.Grh) !== 0;
    const multicast = (batch.flags[i]! & RxFlag.Multicast) !== 0;
    const grh = this.#grh.at(view, payload - PAYLOAD);
    const { attributes } = this.port;
    grh.copyDgid(this.#gid);
    writePathHeaders(this.headers, {
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
    this.#writePacketHeaders(length, batch.sourceLid[i]!, to, qkey, from);
    if (global) this.#copyGrh(view, grh.base);
    this.observers.setPacket(batch.encap[i]!, view, -1, payload, length);
    this.deliver("received", PostResult.Sent, qpn, qpn);
  }

  #writePacketHeaders(
    length: number,
    slid: number,
    destQpn: number,
    qkey: number,
    sourceQpn: number,
  ): void {
    const message = length + ENCAP_LENGTH;
    const { pkey } = this.#qp;
    const headers = this.headers;
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

  /** Copies the GRH as received, because the composed one lacks the source GID. */
  #copyGrh(view: DataView, from: number): void {
    for (let i = 0; i < GRH_LENGTH; i += 4) {
      this.headers.setInt32(GRH + i, view.getInt32(from + i));
    }
  }

  /** Returns the multicast LID of the destination group; 0 if the queue pair is no longer attached to it. */
  #mlid(): number {
    const { groups } = this.#qp;
    return groups.find(({ mgid }) => gidEquals(mgid, this.#gid))?.mlid ?? 0;
  }
}
