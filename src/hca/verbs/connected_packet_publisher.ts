/**
 * Passes the messages of connections to the observers of their port. A device reports no headers of them: they are
 * composed from the attributes with which the queue pair was connected.
 */

import { ENCAP_LENGTH } from "../../base/units.ts";
import type { AddressHandleAttributes } from "../address_handle.ts";
import { writeConnectedHeaders } from "../connected_headers.ts";
import type { PortAttributes } from "../port_attributes.ts";
import { PostResult } from "../post_result.ts";
import type { RcConnection } from "../rc_qp.ts";
import type { RxBatch } from "../rx_batch.ts";
import type { PacketObservers } from "../packet_observers.ts";
import { writePathHeaders } from "../ud_headers.ts";
import { PacketPublisher } from "./packet_publisher.ts";
import type { VerbsSendMemory } from "./send_memory.ts";
import { sentPackets } from "./sent_packets.ts";

/** The attributes of a queue pair that appear in packet headers. */
export interface ObservedConnection {
  readonly qpn: number;
  readonly pkey: number;
  /** Undefined before the queue pair is connected: it then has no messages. */
  readonly remote: RcConnection | undefined;
}

/** Publishes the messages of the connections of one UD queue pair. */
export class ConnectedPacketPublisher extends PacketPublisher {
  readonly #receiver: { readonly qpn: number };

  /** @param receiver the UD queue pair, which polls the messages */
  constructor(
    observers: PacketObservers,
    port: { readonly attributes: PortAttributes },
    receiver: { readonly qpn: number },
  ) {
    super(observers, port);
    this.#receiver = receiver;
  }

  /**
   * Passes a posted message to the observers; a large send as its segments.
   *
   * @param length bytes of payload after the IPoIB header
   */
  sent(
    status: PostResult,
    memory: VerbsSendMemory,
    slot: number,
    length: number,
    { qpn, pkey, remote }: ObservedConnection,
  ): void {
    if (!remote) return;
    const { lid, gid } = this.port.attributes;
    const { path, destQpn } = remote;
    const slid = lid | (path.pathBits ?? 0);
    const packets = sentPackets(this.observers, status, memory, slot, length);
    for (const packet of packets) {
      this.#writeHeaders(path, gid, packet, remote, slid, pkey, destQpn);
      this.deliver("sent", status, qpn, this.#receiver.qpn);
    }
  }

  /** Passes polled message `i` of the batch to the observers. */
  received(
    batch: RxBatch,
    i: number,
    { qpn, pkey, remote }: ObservedConnection,
  ): void {
    if (!remote) return;
    const { lid, gid } = this.port.attributes;
    const { dlid: slid, pathBits = 0, grh } = remote.path;
    const path = {
      ...remote.path,
      dlid: lid | pathBits,
      ...(grh ? { grh: { ...grh, dgid: gid } } : {}),
    };
    const view = batch.view[i]!;
    const length = batch.length[i]!;
    const sgid = grh?.dgid ?? gid;
    this.#writeHeaders(path, sgid, length, remote, slid, pkey, qpn);
    this.observers.setPacket(
      batch.encap[i]!,
      view,
      -1,
      batch.payload[i]!,
      length,
    );
    const { qpn: udQpn } = this.#receiver;
    this.deliver("received", PostResult.Sent, udQpn, udQpn);
  }

  #writeHeaders(
    path: AddressHandleAttributes,
    sgid: Uint8Array,
    length: number,
    { pathMtu }: RcConnection,
    slid: number,
    pkey: number,
    destQpn: number,
  ): void {
    const headers = this.headers;
    const message = length + ENCAP_LENGTH;
    const bytes = message > pathMtu ? 0 : message;
    writePathHeaders(headers, path, sgid);
    writeConnectedHeaders(headers, 0, bytes, slid, pkey, destQpn);
  }
}
