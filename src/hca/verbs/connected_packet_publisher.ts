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
import type { ObservedPacket } from "../observed.ts";
import type { PacketObservers } from "../packet_observers.ts";
import { UD_HEADERS_LENGTH, writePathHeaders } from "../ud_headers.ts";
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
export class ConnectedPacketPublisher {
  readonly #observers: PacketObservers;
  readonly #port: { readonly attributes: PortAttributes };
  readonly #receiver: { readonly qpn: number };
  readonly #headers = new DataView(new ArrayBuffer(UD_HEADERS_LENGTH));

  /** @param receiver the UD queue pair, which polls the messages */
  constructor(
    observers: PacketObservers,
    port: { readonly attributes: PortAttributes },
    receiver: { readonly qpn: number },
  ) {
    this.#observers = observers;
    this.#port = port;
    this.#receiver = receiver;
  }

  /** True if the port has observers; otherwise {@linkcode sent} and {@linkcode received} need not be called. */
  get active(): boolean {
    return this.#observers.active;
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
    const { lid, gid } = this.#port.attributes;
    const { path, destQpn } = remote;
    const slid = lid | (path.pathBits ?? 0);
    const packets = sentPackets(this.#observers, status, memory, slot, length);
    for (const packet of packets) {
      this.#writeHeaders(path, gid, packet, remote, slid, pkey, destQpn);
      this.#deliver("sent", status, qpn);
    }
  }

  /** Passes polled message `i` of the batch to the observers. */
  received(
    batch: RxBatch,
    i: number,
    { qpn, pkey, remote }: ObservedConnection,
  ): void {
    if (!remote) return;
    const { lid, gid } = this.#port.attributes;
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
    this.#observers.setPacket(
      batch.encap[i]!,
      view,
      -1,
      batch.payload[i]!,
      length,
    );
    this.#deliver("received", PostResult.Sent, this.#receiver.qpn);
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
    const headers = this.#headers;
    const message = length + ENCAP_LENGTH;
    const bytes = message > pathMtu ? 0 : message;
    writePathHeaders(headers, path, sgid);
    writeConnectedHeaders(headers, 0, bytes, slid, pkey, destQpn);
  }

  #deliver(
    direction: ObservedPacket["direction"],
    status: PostResult,
    qpn: number,
  ): void {
    this.#observers.setHeaders(this.#headers, 0);
    this.#observers.deliver(direction, status, qpn, this.#receiver.qpn);
  }
}
