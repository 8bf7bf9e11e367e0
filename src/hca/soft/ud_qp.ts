/**
 * An unreliable-datagram queue pair of the embedded HCA.
 *
 * Sending copies the headers of the path into the slot, writes the packet's own fields over them, and passes the slot
 * to the link of the destination, or to those of all members of a group (`outbound.ts`). Received packets are checked
 * in `inbound.ts` and polled from `completion_queue.ts`.
 */

import type { IpoibError } from "../../base/errors.ts";
import { ENCAP_LENGTH } from "../../base/units.ts";
import { GsoType } from "../../wire/vnet.ts";
import type { AddressHandle } from "../address_handle.ts";
import type { PortAttributes } from "../port_attributes.ts";
import { PostResult } from "../post_result.ts";
import type { RxBatch } from "../rx_batch.ts";
import type { PacketObservers } from "../packet_observers.ts";
import { writePacketHeaders } from "../ud_headers.ts";
import {
  type CqModeration,
  QKEY_FROM_QP,
  type UdQp,
  type UdQpOptions,
} from "../ud_qp.ts";
import type { SoftAddressHandle } from "./address_handle.ts";
import {
  copySourceGid,
  createSoftBatch,
  releaseBatch,
  type SoftRxBatch,
} from "./completion_queue.ts";
import type { Inbound } from "./inbound.ts";
import type { Moderator } from "./moderation.ts";
import type { Outbound } from "./outbound.ts";
import { ReceiveQueue } from "./receive_queue.ts";
import type { Returns } from "./returns.ts";
import { PAYLOAD, STRIDE, VNET } from "./slot_layout.ts";

const BATCH_PACKETS = 64;

/** The port's objects that its queue pairs use. */
export interface UdQpParts {
  readonly port: { readonly attributes: PortAttributes };
  readonly inbound: Inbound;
  readonly returns: Returns;
  readonly moderator: Moderator;
  readonly observers: PacketObservers;
  /** The open queue pairs of the port. */
  readonly qps: Set<SoftUdQp>;
}

/** See {@linkcode UdQp}. */
export class SoftUdQp implements UdQp {
  /** Not called: the embedded HCA has no errors of queue pairs. */
  onFailure: (error: IpoibError) => void = () => {};
  readonly #parts: UdQpParts;
  readonly #outbound: Outbound;
  readonly #received: ReceiveQueue;
  #psn = 0;
  #closed = false;

  /** @param outbound the send side of `options.memory` */
  constructor(
    parts: UdQpParts,
    outbound: Outbound,
    qpn: number,
    options: UdQpOptions,
  ) {
    this.#parts = parts;
    this.#outbound = outbound;
    this.#received = new ReceiveQueue(parts.port, qpn, options);
    parts.inbound.add(this.#received);
    parts.qps.add(this);
  }

  get qpn(): number {
    return this.#received.qpn;
  }

  /** The send side of its memory, which RC queue pairs share. */
  get outbound(): Outbound {
    return this.#outbound;
  }

  /** Its receive queue, which RC queue pairs share. */
  get receiveQueue(): ReceiveQueue {
    return this.#received;
  }

  get onReceive(): () => void {
    return this.#received.onReceive;
  }
  set onReceive(listener: () => void) {
    this.#received.onReceive = listener;
  }

  setQkey(qkey: number): void {
    this.#received.qkey = qkey | 0;
  }

  post(
    slot: number,
    length: number,
    ah: AddressHandle,
    destQpn: number,
    qkey: number,
  ): PostResult {
    const { port, observers } = this.#parts;
    const outbound = this.#outbound;
    const received = this.#received;
    const { pkey } = received;
    // If the P_Key at the index has changed to another partition, peers of the old one can still read the memory.
    if (this.#closed || !outbound.isFor(pkey)) {
      return outbound.refuse(slot, "xmit_not_ready", PostResult.NotReady);
    }
    const handle = ah as SoftAddressHandle;
    const base = slot * STRIDE;
    const { view, words } = outbound.pool;
    const large = view.getUint8(base + VNET + 1) !== GsoType.None;
    handle.copyTo(words, slot);
    writePacketHeaders(
      view,
      base,
      large ? 0 : length + ENCAP_LENGTH,
      port.attributes.lid,
      pkey,
      destQpn,
      this.#psn,
      (qkey & QKEY_FROM_QP) !== 0 ? received.qkey : qkey,
      received.qpn,
    );
    this.#psn = (this.#psn + 1) & 0xffffff;
    const result = this.#send(slot, length, handle, large);
    if (observers.active) {
      outbound.publishSent(observers, slot, length, result, this.qpn);
    }
    return result;
  }

  #send(
    slot: number,
    length: number,
    handle: SoftAddressHandle,
    large: boolean,
  ): PostResult {
    const outbound = this.#outbound;
    const { state, activeMtu } = this.#parts.port.attributes;
    if (state !== "active") {
      return outbound.refuse(slot, "xmit_not_ready", PostResult.NotReady);
    }
    if (!large && length + ENCAP_LENGTH > activeMtu) {
      return outbound.refuse(slot, "xmit_too_long", PostResult.TooLong);
    }
    return handle.multicast
      ? outbound.multicast(slot, length, handle, this.#received)
      : outbound.unicast(slot, length, handle);
  }

  poll(batch: RxBatch): number {
    const count = this.#received.completions.poll(batch as SoftRxBatch);
    if (this.#parts.observers.active) this.#publishReceived(batch);
    return count;
  }

  #publishReceived(batch: RxBatch): void {
    const { observers } = this.#parts;
    for (let i = 0; i < batch.count; i++) {
      const view = batch.view[i]!;
      const payload = batch.payload[i]!;
      const base = payload - PAYLOAD;
      const length = batch.length[i]!;
      observers.setHeaders(view, base);
      observers.setPacket(batch.encap[i]!, view, base + VNET, payload, length);
      observers.deliver("received", PostResult.Sent, this.qpn);
    }
  }

  release(batch: RxBatch): void {
    releaseBatch(batch as SoftRxBatch);
    this.#parts.returns.publish();
  }

  setModeration(moderation: CqModeration): void {
    this.#parts.moderator.set(this.#received, moderation);
  }

  createBatch(): RxBatch {
    return createSoftBatch(BATCH_PACKETS);
  }

  sourceGid(batch: RxBatch, i: number, into: Uint8Array): boolean {
    return copySourceGid(batch, i, into);
  }

  attachMulticast(mgid: Uint8Array, mlid: number): void {
    this.#parts.inbound.attach(this.#received, mgid, mlid);
  }

  detachMulticast(mgid: Uint8Array, mlid: number): void {
    this.#parts.inbound.detach(this.#received, mgid, mlid);
  }

  /** Closes the queue pair; drops the packets that were not polled. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const { inbound, moderator, returns, qps } = this.#parts;
    qps.delete(this);
    inbound.forget(this.#received);
    moderator.refresh();
    const rest = createSoftBatch(BATCH_PACKETS);
    while (this.#received.completions.poll(rest)) releaseBatch(rest);
    returns.publish();
  }
}
