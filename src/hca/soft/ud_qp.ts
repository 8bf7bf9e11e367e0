/**
 * An unreliable-datagram queue pair of the embedded HCA.
 *
 * Sending: the path's headers are copied into the slot, the packet's own fields written over them, and the slot
 * goes to the link of the destination, or of every member of the group. Receiving: see `inbound.ts` for
 * what is accepted, `completion_queue.ts` for what is polled.
 */

import { ENCAP_LENGTH, pkeysMatch } from "../../base/units.ts";
import { GsoType } from "../../wire/vnet.ts";
import {
  type AddressHandle,
  type CqModeration,
  PostResult,
  type RxBatch,
  type UdQp,
  type UdQpOptions,
} from "../hca.ts";
import { writePacketHeaders } from "../ud_headers.ts";
import type { SoftAddressHandle } from "./address_handle.ts";
import {
  CompletionQueue,
  copySourceGid,
  createSoftBatch,
  type SoftRxBatch,
} from "./completion_queue.ts";
import { Period } from "./moderation.ts";
import type { SoftPort } from "./port.ts";
import { ENCAP, HEADER_WORDS, PAYLOAD, STRIDE, VNET } from "./slot_layout.ts";

const BATCH = 64;
const QKEY_FROM_QP = 0x80000000;

function powerOfTwo(n: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(2, n)));
}

/** See {@linkcode UdQp}. */
export class SoftUdQp implements UdQp {
  readonly qpn: number;
  readonly completions: CompletionQueue;
  readonly period = new Period();
  onReceive: () => void = () => {};
  readonly #port: SoftPort;
  readonly #pkeyIndex: number;
  #qkey = 0;
  #psn = 0;
  #closed = false;

  constructor(port: SoftPort, qpn: number, options: UdQpOptions) {
    this.#port = port;
    this.qpn = qpn;
    this.#pkeyIndex = options.pkeyIndex;
    this.completions = new CompletionQueue(powerOfTwo(options.recvQueueSize));
  }

  /** The P_Key that the queue pair's index has in the port's table now; 0 if none. */
  get pkey(): number {
    return this.#port.attributes.pkeys[this.#pkeyIndex] ?? 0;
  }

  /** True if a packet with this P_Key may arrive here (IBTA vol. 1 9.6.1.1.3). */
  acceptsPkey(pkey: number): boolean {
    return pkeysMatch(pkey, this.pkey);
  }

  /** @param qkey as a signed word, so that it is always a small integer */
  acceptsQkey(qkey: number): boolean {
    return qkey === this.#qkey;
  }

  setQkey(qkey: number): void {
    this.#qkey = qkey | 0;
  }

  post(
    slot: number,
    length: number,
    ah: AddressHandle,
    destQpn: number,
    qkey: number,
  ): PostResult {
    const port = this.#port;
    if (this.#closed) {
      return port.refuse(slot, "xmit_not_ready", PostResult.NotReady);
    }
    const handle = ah as SoftAddressHandle;
    const base = slot * STRIDE;
    const { view, words } = port.send;
    const { lid } = port.attributes;
    const large = view.getUint8(base + VNET + 1) !== GsoType.None;
    const message = length + ENCAP_LENGTH;
    const key = (qkey & QKEY_FROM_QP) !== 0 ? this.#qkey : qkey;
    const first = base >> 2;
    for (let i = 0; i < HEADER_WORDS; i++) words[first + i] = handle.header[i]!;
    writePacketHeaders(
      view,
      base,
      large ? 0 : message,
      lid,
      this.pkey,
      destQpn,
      this.#psn,
      key,
      this.qpn,
    );
    this.#psn = (this.#psn + 1) & 0xffffff;
    const result = this.#send(slot, length, handle, large);
    if (port.taps.active) this.#tapSent(slot, length, result);
    return result;
  }

  #send(
    slot: number,
    length: number,
    handle: SoftAddressHandle,
    large: boolean,
  ): PostResult {
    const port = this.#port;
    const { state, activeMtu } = port.attributes;
    if (state !== "active") {
      return port.refuse(slot, "xmit_not_ready", PostResult.NotReady);
    }
    if (!large && length + ENCAP_LENGTH > activeMtu) {
      return port.refuse(slot, "xmit_too_long", PostResult.TooLong);
    }
    return handle.multicast
      ? port.multicast(slot, length, handle, this)
      : port.unicast(slot, length, handle);
  }

  poll(batch: RxBatch): number {
    const count = this.completions.poll(batch as SoftRxBatch);
    if (this.#port.taps.active) this.#tapReceived(batch);
    return count;
  }

  /** The slot may have been given back, but nobody has taken it since. */
  #tapSent(slot: number, length: number, result: PostResult): void {
    const { taps, send: { view } } = this.#port;
    const base = slot * STRIDE;
    const encap = view.getInt32(base + ENCAP);
    taps.headersAt(view, base);
    taps.packetAt(encap, view, base + VNET, base + PAYLOAD, length);
    taps.tell("sent", result, this.qpn);
  }

  #tapReceived(batch: RxBatch): void {
    const { taps } = this.#port;
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
    const { links, slot } = batch as SoftRxBatch;
    for (let i = 0; i < batch.count; i++) {
      links[i]!.release(slot[i]!);
      links[i] = undefined;
    }
    batch.count = 0;
    this.#port.publishReturns();
  }

  setModeration(moderation: CqModeration): void {
    this.#port.moderate(this, moderation);
  }

  createBatch(): RxBatch {
    return createSoftBatch(BATCH);
  }

  sourceGid(batch: RxBatch, i: number, into: Uint8Array): boolean {
    return copySourceGid(batch, i, into);
  }

  attachMulticast(mgid: Uint8Array, mlid: number): void {
    this.#port.inbound.attach(this, mgid, mlid);
  }

  detachMulticast(mgid: Uint8Array, mlid: number): void {
    this.#port.inbound.detach(this, mgid, mlid);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#port.forget(this);
  }
}
