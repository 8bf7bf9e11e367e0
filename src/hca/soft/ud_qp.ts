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
import type { SoftAddressHandle } from "./address_handle.ts";
import {
  CompletionQueue,
  copySourceGid,
  createSoftBatch,
  type SoftRxBatch,
} from "./completion_queue.ts";
import { Period } from "./moderation.ts";
import type { SoftPort } from "./port.ts";
import {
  BTH,
  DETH,
  GRH,
  HEADER_WORDS,
  LRH,
  STRIDE,
  VNET,
} from "./slot_layout.ts";

const BATCH = 64;
const QKEY_FROM_QP = 0x80000000;
/** Octets of the transport headers, of the GRH, and of the ICRC, for the length fields. */
const BTH_DETH = 20;
const GRH_LENGTH = 40;
const LRH_LENGTH = 8;
const ICRC = 4;

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
    const base = slot * STRIDE;
    const { view } = port.send;
    const large = view.getUint8(base + VNET + 1) !== GsoType.None;
    if (this.#closed || port.attributes.state !== "active") {
      return port.refuse(slot, "xmit_not_ready", PostResult.NotReady);
    }
    if (!large && length + ENCAP_LENGTH > port.attributes.activeMtu) {
      return port.refuse(slot, "xmit_too_long", PostResult.TooLong);
    }
    const handle = ah as SoftAddressHandle;
    const { words } = port.send;
    const first = base >> 2;
    for (let i = 0; i < HEADER_WORDS; i++) words[first + i] = handle.header[i]!;

    const message = length + ENCAP_LENGTH;
    const padding = -message & 3;
    const octets = BTH_DETH + message + padding + ICRC;
    if (handle.grh) view.setUint16(base + GRH + 4, large ? 0 : octets);
    const whole = LRH_LENGTH + (handle.grh ? GRH_LENGTH : 0) + octets;
    // A large send stands for many packets: it has no packet length of its own.
    view.setUint16(base + LRH + 4, large ? 0 : whole >> 2);
    view.setUint16(base + LRH + 6, port.attributes.lid);
    view.setUint8(base + BTH + 1, large ? 0 : padding << 4);
    view.setUint16(base + BTH + 2, this.pkey);
    view.setUint32(base + BTH + 4, destQpn);
    view.setUint32(base + BTH + 8, this.#psn);
    this.#psn = (this.#psn + 1) & 0xffffff;
    const key = (qkey & QKEY_FROM_QP) !== 0 ? this.#qkey : qkey;
    view.setInt32(base + DETH, key);
    view.setUint32(base + DETH + 4, this.qpn);
    return handle.multicast
      ? port.multicast(slot, length, handle, this)
      : port.unicast(slot, length, handle);
  }

  poll(batch: RxBatch): number {
    return this.completions.poll(batch as SoftRxBatch);
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
