/**
 * The send side of a queue pair: makes work requests of packets, which a flush posts (request_chain.ts).
 *
 * A packet is one request. A large send is one for each segment, with the headers of the segment and a slice of the slot
 * (wire/segmenter.ts). If there is no free request, packets wait, and continue in the middle of a large send when others
 * have completed. Meanwhile the port does not read its network devices (send_memory.ts), as ib_ipoib stops its queue.
 * A connection whose peer acknowledges nothing is stalled (connections.ts): its packets do not wait.
 */

import { Ibv } from "../../../ffi/verbs_layout.ts";
import { ENCAP_LENGTH } from "../../base/units.ts";
import { Segmenter } from "../../wire/segmenter.ts";
import { Count, type VerbsCounters } from "./counters.ts";
import type { OperationBinder } from "./device.ts";
import { RequestChain } from "./request_chain.ts";
import type { SendCompletions } from "./send_completions.ts";
import type { VerbsSendMemory } from "./send_memory.ts";
import type { SendRequests } from "./send_requests.ts";
import { type SendHandle, WaitingSends } from "./waiting_sends.ts";

/** The send queue of one queue pair. */
export class SendQueue {
  /** True after a failed completion or post: the queue pair must be recovered, or closed. */
  failed = false;
  /** Status of the first failed completion (`enum ibv_wc_status`), 0 if there is none. */
  failure = 0;
  /** Called once when {@linkcode failed} becomes true. Must not close the queue. */
  onFailed: () => void = () => {};
  /** Number of completions so far. */
  completed = 0;
  /** High word of the IDs of its work requests. */
  readonly tag: number;
  readonly #memory: VerbsSendMemory;
  readonly #requests: SendRequests;
  readonly #chain: RequestChain;
  readonly #completions: SendCompletions;
  readonly #counters: VerbsCounters;
  readonly #counted: Float64Array;
  readonly #segmenter: Segmenter;
  readonly #waiting: WaitingSends;
  /** Slot of the packet whose requests are being made; -1 if there is none. */
  #slot = -1;
  #length = 0;
  #large = false;
  #handle: SendHandle | undefined;
  #qpn = 0;
  #qkey = 0;
  /** True while a packet waits for a free request. */
  #stuck = false;
  #stalled = false;

  /**
   * @param qp `struct ibv_qp *`
   * @param completions completions of its sends
   * @param requests those of the memory that are for queue pairs of its kind
   * @param capacity maximum number of requests that have not completed
   */
  constructor(
    device: OperationBinder,
    qp: bigint,
    completions: SendCompletions,
    memory: VerbsSendMemory,
    requests: SendRequests,
    capacity: number,
    counters: VerbsCounters,
  ) {
    this.#memory = memory;
    this.#waiting = new WaitingSends(memory.slots);
    this.#requests = requests;
    this.#segmenter = new Segmenter(memory.memory);
    this.#completions = completions;
    this.#counters = counters;
    this.#counted = counters.values;
    this.tag = completions.add(this);
    this.#chain = new RequestChain(
      device,
      qp,
      memory,
      requests,
      completions,
      this.tag,
      counters.values,
      capacity,
    );
  }

  /** Number of requests that have not completed, posted or not. */
  get outstanding(): number {
    return this.#chain.count;
  }

  /** True if packets wait for a free request. */
  get waiting(): boolean {
    return this.#slot >= 0;
  }

  /** True if the queue is stalled and has no free request: a packet must be refused. */
  get refuses(): boolean {
    return this.#stalled && this.#chain.full;
  }

  /**
   * Appends a packet with `length` bytes of payload after the IPoIB header to the chain, or lets it wait. The packet must
   * be prepared ({@linkcode VerbsSendMemory.prepare}).
   *
   * @param handle undefined on a connection, which ignores `qpn` and `qkey` too
   */
  append(
    slot: number,
    length: number,
    handle: SendHandle | undefined,
    qpn: number,
    qkey: number,
  ): void {
    if (this.#slot >= 0) {
      this.#waiting.add(slot, length, handle, qpn, qkey);
      return;
    }
    // The usual case first: a packet that is one request, and a free one.
    if (!this.#memory.isLarge(slot)) {
      const request = this.#chain.take();
      if (request >= 0) {
        this.#makeWhole(request, slot, length);
        this.#chain.append(request, slot, handle, qpn, qkey);
        return;
      }
    }
    this.#begin(slot, length, handle, qpn, qkey);
    this.#memory.use(slot);
    this.#advance();
  }

  /** Posts the chain, with the packets that waited for requests which are free now. */
  flush(): void {
    if (this.#slot >= 0) this.#advance();
    if (!this.#chain.post()) this.#fail();
  }

  /** A request has completed, with a status of `enum ibv_wc_status`. Frees it, those before it and their slots. */
  complete(request: number, status: number): void {
    this.completed++;
    this.#stalled = false;
    if (status !== Ibv.WC_SUCCESS) {
      this.#counted[Count.SendErrors]!++;
      if (this.failure === 0) this.failure = status;
      this.#fail();
    }
    this.#chain.retire(request);
  }

  /** Drops the packets that wait. Until the next completion, packets do not wait ({@linkcode refuses}). */
  stall(): void {
    this.#stalled = true;
    this.#dropWaiting("xmit_no_credit");
  }

  /** Drops the packets that are not posted: those that wait, and the requests of the chain. */
  dropUnposted(): void {
    this.#dropWaiting("xmit_not_ready");
    this.#counters.add("xmit_not_ready", this.#chain.dropChained());
  }

  /** Frees the slots of all packets after a reset of the queue pair. */
  abandon(): void {
    this.dropUnposted();
    this.#chain.abandon();
    this.failed = false;
    this.failure = 0;
  }

  close(): void {
    this.abandon();
    this.#completions.remove(this);
    this.#chain.close();
  }

  /** Starts making the requests of a packet. */
  #begin(
    slot: number,
    length: number,
    handle: SendHandle | undefined,
    qpn: number,
    qkey: number,
  ): void {
    const { stride, layout } = this.#memory;
    const base = slot * stride;
    const { vnet, payload } = layout;
    this.#slot = slot;
    this.#length = length;
    this.#handle = handle;
    this.#qpn = qpn;
    this.#qkey = qkey;
    this.#large = this.#memory.isLarge(slot) &&
      this.#segmenter.begin(base + vnet, base + payload, length);
  }

  /** Makes the requests of the packets in order, as long as there are free ones. */
  #advance(): void {
    do {
      // The path was destroyed while the packet waited.
      if (this.#handle?.alive === false) this.#counters.add("xmit_not_ready");
      else if (!this.#makeRequests()) {
        this.#setStuck(true);
        return;
      }
      this.#memory.endUse(this.#slot);
    } while (this.#beginNext());
    this.#setStuck(false);
  }

  /** Continues with the oldest packet that waits. Returns false if there is none. */
  #beginNext(): boolean {
    this.#slot = -1;
    const waiting = this.#waiting;
    if (!waiting.take()) return false;
    const { slot, length, handle, qpn, qkey } = waiting;
    this.#begin(slot, length, handle, qpn, qkey);
    this.#memory.use(slot);
    return true;
  }

  /** Makes and chains the requests of the current packet. Returns false if there is no free one for the rest of it. */
  #makeRequests(): boolean {
    const slot = this.#slot;
    const large = this.#large;
    do {
      const request = this.#chain.take();
      if (request < 0) return false;
      if (large) this.#makeSegment(request, slot);
      else this.#makeWhole(request, slot, this.#length);
      this.#chain.append(request, slot, this.#handle, this.#qpn, this.#qkey);
    } while (large && this.#segmenter.left > 0);
    return true;
  }

  #makeWhole(request: number, slot: number, length: number): void {
    const { stride, layout } = this.#memory;
    const from = slot * stride + layout.encap;
    this.#requests.sendOne(request, from, length + ENCAP_LENGTH);
  }

  #makeSegment(request: number, slot: number): void {
    const { view, stride, layout } = this.#memory;
    const segmenter = this.#segmenter;
    const from = segmenter.payload;
    const headers = this.#requests.headersOf(request);
    view.setInt32(headers, view.getInt32(slot * stride + layout.encap));
    const length = segmenter.next(headers + ENCAP_LENGTH);
    this.#requests.sendTwo(
      request,
      ENCAP_LENGTH + segmenter.headers,
      from,
      length,
    );
  }

  #setStuck(stuck: boolean): void {
    if (this.#stuck === stuck) return;
    this.#stuck = stuck;
    this.#memory.waiting += stuck ? 1 : -1;
  }

  /** Drops the packets that wait, and the rest of the current one. */
  #dropWaiting(why: "xmit_not_ready" | "xmit_no_credit"): void {
    if (this.#slot < 0) return;
    do {
      this.#memory.endUse(this.#slot);
      this.#counters.add(why);
    } while (this.#beginNext());
    this.#setStuck(false);
  }

  #fail(): void {
    if (this.failed) return;
    this.failed = true;
    this.onFailed();
  }
}
