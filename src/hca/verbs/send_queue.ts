/**
 * The send side of a queue pair: a chain of work requests to which each packet is appended and which a flush posts, and
 * the packets that have not completed, oldest first.
 *
 * Every sixteenth request and the last one of each chain is signaled. Its completion covers all requests before it,
 * because the requests of a queue complete in order. A request that fails always has a completion.
 */

import type { BoundCall } from "../../../ffi/libffi.ts";
import {
  Ibv,
  IbvContext,
  IbvSendWr,
  IbvSge,
} from "../../../ffi/verbs_layout.ts";
import { ENCAP_LENGTH } from "../../base/units.ts";
import type { VerbsAddressHandle } from "./address_handle.ts";
import type { OperationBinder } from "./device.ts";
import { NativeMemory } from "./memory.ts";
import type { SendCompletions } from "./send_completions.ts";
import { type VerbsSendMemory, WR_STRIDE } from "./send_memory.ts";
import { Count, type VerbsCounters } from "./counters.ts";

const SIGNAL_EVERY = 16;
const TAG = (IbvSendWr.WrId >> 2) + 1;
const NEXT = IbvSendWr.Next >> 2;
const FLAGS = IbvSendWr.SendFlags >> 2;
const AH = IbvSendWr.Ah >> 2;
const QPN = IbvSendWr.RemoteQpn >> 2;
const QKEY = IbvSendWr.RemoteQkey >> 2;
const LENGTH = (IbvSendWr.Size + IbvSge.Length) >> 2;
const WORDS = WR_STRIDE >> 2;

/** The send queue of one queue pair. */
export class SendQueue {
  /** True after a failed completion or post: the queue pair must be recovered, or closed. */
  failed = false;
  /** Status of the first failed completion (`enum ibv_wc_status`), 0 if there is none. */
  failure = 0;
  /** Called once when {@linkcode failed} becomes true. Must not close the queue. */
  onFailed: () => void = () => {};
  /** High word of the IDs of its work requests. */
  readonly tag: number;
  readonly #memory: VerbsSendMemory;
  readonly #words: Int32Array;
  readonly #completions: SendCompletions;
  readonly #counted: Float64Array;
  readonly #bad = new NativeMemory(8);
  readonly #post: BoundCall;
  /**
   * Slots that have not completed, as a ring of `#count` slots from position `#from`. The last `#chained` of them are
   * not posted yet.
   */
  readonly #slots: Int32Array;
  readonly #capacity: number;
  #from = 0;
  #count = 0;
  #chained = 0;
  #unsignaled = 0;

  /**
   * @param qp `struct ibv_qp *`
   * @param completions completions of its sends
   * @param capacity maximum number of packets that have not completed
   */
  constructor(
    device: OperationBinder,
    qp: bigint,
    completions: SendCompletions,
    memory: VerbsSendMemory,
    capacity: number,
    counters: VerbsCounters,
  ) {
    this.#slots = new Int32Array(capacity);
    this.#capacity = capacity;
    this.#memory = memory;
    this.#words = memory.requests.words;
    this.#completions = completions;
    this.#counted = counters.values;
    this.#post = device.bind(IbvContext.PostSend, [qp, 0n, this.#bad.address]);
    this.tag = completions.add(this);
  }

  /** Number of packets that have not completed, posted or not. */
  get outstanding(): number {
    return this.#count;
  }

  /** True if no packet can be appended until others have completed. */
  get full(): boolean {
    return this.#count >= this.#capacity;
  }

  /** True if the chain is not empty. */
  get unposted(): boolean {
    return this.#chained > 0;
  }

  /**
   * Appends a packet to the chain of a UD queue pair, with `length` bytes of payload after the IPoIB header. The queue
   * must not be full.
   */
  append(
    slot: number,
    length: number,
    ah: Pick<VerbsAddressHandle, "low" | "high">,
    qpn: number,
    qkey: number,
  ): void {
    const words = this.#words;
    const at = slot * WORDS;
    words[at + AH] = ah.low;
    words[at + AH + 1] = ah.high;
    words[at + QPN] = qpn;
    words[at + QKEY] = qkey;
    this.appendConnected(slot, length);
  }

  /** As {@linkcode append}, on the queue pair of a connection. */
  appendConnected(slot: number, length: number): void {
    const words = this.#words;
    const at = slot * WORDS;
    words[at + TAG] = this.tag;
    words[at + NEXT] = 0;
    words[at + NEXT + 1] = 0;
    const signal = ++this.#unsignaled >= SIGNAL_EVERY;
    if (signal) this.#unsignaled = 0;
    words[at + FLAGS] = signal ? Ibv.SEND_SIGNALED : 0;
    words[at + LENGTH] = length + ENCAP_LENGTH;
    if (this.#chained > 0) {
      const last = this.#at(this.#count - 1) * WORDS;
      words[last + NEXT] = this.#memory.requestLow[slot]!;
      words[last + NEXT + 1] = this.#memory.requestHigh[slot]!;
    }
    this.#slots[(this.#from + this.#count++) % this.#capacity] = slot;
    this.#chained++;
    this.#completions.outstanding++;
  }

  /** Posts the chain. */
  flush(): void {
    if (this.#chained === 0) return;
    const { requestLow, requestHigh } = this.#memory;
    const first = this.#at(this.#count - this.#chained);
    this.#words[this.#at(this.#count - 1) * WORDS + FLAGS] = Ibv.SEND_SIGNALED;
    this.#unsignaled = 0;
    this.#post.set(1, requestLow[first]!, requestHigh[first]!);
    const result = this.#post.call();
    if (result === 0) {
      this.#counted[Count.Posted]! += this.#chained;
      this.#chained = 0;
    } else this.#dropRejected();
  }

  /** Drops the request that the device has rejected and all after it; the requests before it are posted. */
  #dropRejected(): void {
    const bad = this.#bad.words;
    const { requestLow, requestHigh } = this.#memory;
    while (this.#chained > 0) {
      const slot = this.#unchain();
      this.#counted[Count.PostFailed]!++;
      if (requestLow[slot] === bad[0] && requestHigh[slot] === bad[1]) break;
    }
    this.#counted[Count.Posted]! += this.#chained;
    this.#chained = 0;
    // The posted requests may be unsignaled, as the last one of the chain is lost: only a recovery frees their slots.
    this.#fail();
  }

  /** The request of `slot` has completed, with a status of `enum ibv_wc_status`. Frees the slots of completed packets. */
  complete(slot: number, status: number): void {
    if (status !== Ibv.WC_SUCCESS) {
      this.#counted[Count.SendErrors]!++;
      if (this.failure === 0) this.failure = status;
      this.#fail();
    }
    this.#retire(slot);
  }

  /** Drops the packets of the chain. */
  dropChain(): void {
    while (this.#chained > 0) this.#unchain();
    this.#unsignaled = 0;
  }

  /** Frees the slots of all packets after a reset of the queue pair. */
  abandon(): void {
    this.#counted[Count.Abandoned]! += this.#count - this.#chained;
    while (this.#count > 0) this.#free();
    this.#chained = 0;
    this.#unsignaled = 0;
    this.failed = false;
    this.failure = 0;
  }

  close(): void {
    this.abandon();
    this.#completions.remove(this);
    this.#bad.close();
  }

  #fail(): void {
    if (this.failed) return;
    this.failed = true;
    this.onFailed();
  }

  /** Removes the last packet of the chain, frees its slot and returns it. */
  #unchain(): number {
    const slot = this.#at(this.#count - 1);
    this.#count--;
    this.#chained--;
    this.#completions.outstanding--;
    this.#memory.unreserve(slot);
    return slot;
  }

  #at(position: number): number {
    return this.#slots[(this.#from + position) % this.#capacity]!;
  }

  /** Frees the posted slots up to and including `slot`. */
  #retire(slot: number): void {
    while (this.#count > this.#chained) {
      const oldest = this.#free();
      this.#counted[Count.Completed]!++;
      if (oldest === slot) return;
    }
  }

  /** Frees the oldest slot and returns it. */
  #free(): number {
    const oldest = this.#slots[this.#from]!;
    this.#from = (this.#from + 1) % this.#capacity;
    this.#count--;
    this.#completions.outstanding--;
    this.#memory.unreserve(oldest);
    return oldest;
  }
}
