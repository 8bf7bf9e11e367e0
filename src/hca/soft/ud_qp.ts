/**
 * An unreliable-datagram queue pair of the embedded HCA.
 *
 * Sending: the path's headers are copied into the slot, the packet's own fields written over them, and the slot
 * goes to the link of the destination, or of every member of the group (`outbound.ts`). Receiving: see `inbound.ts` for
 * what is accepted, `completion_queue.ts` for what is polled.
 */

import { ENCAP_LENGTH } from "../../base/units.ts";
import { GsoType } from "../../wire/vnet.ts";
import {
  type AddressHandle,
  type CqModeration,
  type PortAttributes,
  PostResult,
  QKEY_FROM_QP,
  type RxBatch,
  type UdQp,
  type UdQpOptions,
} from "../hca.ts";
import type { Taps } from "../taps.ts";
import { writePacketHeaders } from "../ud_headers.ts";
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
import { ENCAP, HEADER_WORDS, PAYLOAD, STRIDE, VNET } from "./slot_layout.ts";

const BATCH_PACKETS = 64;

/** What the queue pairs of a port work with. */
export interface UdQpParts {
  readonly port: { readonly attributes: PortAttributes };
  readonly inbound: Inbound;
  readonly returns: Returns;
  readonly moderator: Moderator;
  readonly taps: Taps;
  /** All of them: a queue pair is in it until it closes. */
  readonly qps: Set<SoftUdQp>;
}

/** See {@linkcode UdQp}. */
export class SoftUdQp implements UdQp {
  readonly #parts: UdQpParts;
  readonly #outbound: Outbound;
  readonly #received: ReceiveQueue;
  #psn = 0;
  #closed = false;

  /** @param outbound sends what lies in the memory that the options name */
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
    const { port, taps } = this.#parts;
    const outbound = this.#outbound;
    const received = this.#received;
    const { pkey } = received;
    // Not where the P_Key at the index has become another one: peers of the old partition see the memory.
    if (this.#closed || !outbound.isFor(pkey)) {
      return outbound.refuse(slot, "xmit_not_ready", PostResult.NotReady);
    }
    const handle = ah as SoftAddressHandle;
    const base = slot * STRIDE;
    const { view, words } = outbound.pool;
    const large = view.getUint8(base + VNET + 1) !== GsoType.None;
    const first = base >> 2;
    for (let i = 0; i < HEADER_WORDS; i++) words[first + i] = handle.header[i]!;
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
    if (taps.active) this.#tapSent(slot, length, result);
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
    if (this.#parts.taps.active) this.#tapReceived(batch);
    return count;
  }

  /** The slot may be free again, but its bytes are still those of the packet: it was not reserved since. */
  #tapSent(slot: number, length: number, result: PostResult): void {
    const { taps } = this.#parts;
    const { view } = this.#outbound.pool;
    const base = slot * STRIDE;
    const encap = view.getInt32(base + ENCAP);
    taps.headersAt(view, base);
    taps.packetAt(encap, view, base + VNET, base + PAYLOAD, length);
    taps.tell("sent", result, this.qpn);
  }

  #tapReceived(batch: RxBatch): void {
    const { taps } = this.#parts;
    for (let i = 0; i < batch.count; i++) {
      const view = batch.view[i]!;
      const payload = batch.payload[i]!;
      const base = payload - PAYLOAD;
      const length = batch.length[i]!;
      taps.headersAt(view, base);
      taps.packetAt(batch.encap[i]!, view, base + VNET, payload, length);
      taps.tell("received", PostResult.Sent, this.qpn);
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

  /** What it has not been polled for is dropped. */
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
