/**
 * The work requests of a queue pair that have not completed, oldest first: those that are posted, then a chain of those
 * that one call of `ibv_post_send` posts together.
 *
 * Every sixteenth request and the last one of each chain is signaled. Its completion covers all requests before it,
 * because the requests of a queue complete in order. A request that fails always has a completion.
 */

import type { BoundCall } from "../../../ffi/libffi.ts";
import { Ibv, IbvContext, IbvSendWr } from "../../../ffi/verbs_layout.ts";
import { Count } from "./counters.ts";
import type { OperationBinder } from "./device.ts";
import { NativeMemory } from "./memory.ts";
import type { SendCompletions } from "./send_completions.ts";
import type { VerbsSendMemory } from "./send_memory.ts";
import { REQUEST_STRIDE, type SendRequests } from "./send_requests.ts";
import type { SendHandle } from "./waiting_sends.ts";

const SIGNAL_EVERY = 16;
const TAG = (IbvSendWr.WrId >> 2) + 1;
const NEXT = IbvSendWr.Next >> 2;
const FLAGS = IbvSendWr.SendFlags >> 2;
const AH = IbvSendWr.Ah >> 2;
const QPN = IbvSendWr.RemoteQpn >> 2;
const QKEY = IbvSendWr.RemoteQkey >> 2;
const WORDS = REQUEST_STRIDE >> 2;

/** The requests of one queue pair. Each uses the slot of its packet. */
export class RequestChain {
  readonly #memory: VerbsSendMemory;
  readonly #requests: SendRequests;
  readonly #words: Int32Array;
  readonly #completions: SendCompletions;
  readonly #counted: Float64Array;
  readonly #tag: number;
  readonly #bad = new NativeMemory(8);
  readonly #post: BoundCall;
  /** A ring of `#count` requests from position `#from`. The last `#chained` of them are not posted yet. */
  readonly #ring: Int32Array;
  readonly #capacity: number;
  #from = 0;
  #count = 0;
  #chained = 0;
  #unsignaled = 0;

  /**
   * @param qp `struct ibv_qp *`
   * @param completions counts the requests
   * @param tag high word of the IDs of the requests
   * @param counted values of the port's counters
   * @param capacity maximum number of requests
   */
  constructor(
    device: OperationBinder,
    qp: bigint,
    memory: VerbsSendMemory,
    requests: SendRequests,
    completions: SendCompletions,
    tag: number,
    counted: Float64Array,
    capacity: number,
  ) {
    this.#memory = memory;
    this.#requests = requests;
    this.#words = requests.words;
    this.#completions = completions;
    this.#tag = tag;
    this.#counted = counted;
    this.#ring = new Int32Array(capacity);
    this.#capacity = capacity;
    this.#post = device.bind(IbvContext.PostSend, [qp, 0n, this.#bad.address]);
  }

  /** Number of requests, posted or not. */
  get count(): number {
    return this.#count;
  }

  /** True if no further request can be taken. */
  get full(): boolean {
    return this.#count === this.#capacity || this.#requests.free === 0;
  }

  /** Takes a free request, or returns -1. It must be appended before the next one is taken. */
  take(): number {
    return this.#count < this.#capacity ? this.#requests.take() : -1;
  }

  /** Appends a request with a part of `slot`. `handle` is undefined on a connection. */
  append(
    request: number,
    slot: number,
    handle: SendHandle | undefined,
    qpn: number,
    qkey: number,
  ): void {
    const words = this.#words;
    const at = request * WORDS;
    words[at + TAG] = this.#tag;
    words[at + NEXT] = 0;
    words[at + NEXT + 1] = 0;
    const signal = ++this.#unsignaled >= SIGNAL_EVERY;
    if (signal) this.#unsignaled = 0;
    words[at + FLAGS] = signal ? Ibv.SEND_SIGNALED : 0;
    if (handle) {
      words[at + AH] = handle.low;
      words[at + AH + 1] = handle.high;
      words[at + QPN] = qpn;
      words[at + QKEY] = qkey;
    }
    const requests = this.#requests;
    if (this.#chained > 0) {
      const last = this.#at(this.#count - 1) * WORDS;
      words[last + NEXT] = requests.low[request]!;
      words[last + NEXT + 1] = requests.high[request]!;
    }
    requests.slot[request] = slot;
    this.#memory.use(slot);
    this.#ring[(this.#from + this.#count++) % this.#capacity] = request;
    this.#chained++;
    this.#completions.outstanding++;
  }

  /**
   * Posts the chain. Returns false if the device rejects a request: that and all after it are dropped. Those before it
   * are posted but may be unsignaled, as the last one of the chain is lost, so only a reset of the queue pair frees their
   * slots.
   */
  post(): boolean {
    if (this.#chained === 0) return true;
    const { low, high } = this.#requests;
    const first = this.#at(this.#count - this.#chained);
    this.#words[this.#at(this.#count - 1) * WORDS + FLAGS] = Ibv.SEND_SIGNALED;
    this.#unsignaled = 0;
    this.#post.set(1, low[first]!, high[first]!);
    const result = this.#post.call();
    if (result !== 0) this.#dropRejected();
    this.#counted[Count.Posted]! += this.#chained;
    this.#chained = 0;
    return result === 0;
  }

  /** Frees the posted requests up to and including `request`, which has completed. */
  retire(request: number): void {
    while (this.#count > this.#chained) {
      const oldest = this.#free();
      this.#counted[Count.Completed]!++;
      if (oldest === request) return;
    }
  }

  /** Frees the requests that are not posted. Returns their number. */
  dropChained(): number {
    const dropped = this.#chained;
    while (this.#chained > 0) this.#unchain();
    this.#unsignaled = 0;
    return dropped;
  }

  /** Frees the posted requests after a reset of the queue pair. The chain must have been dropped. */
  abandon(): void {
    this.#counted[Count.Abandoned]! += this.#count;
    while (this.#count > 0) this.#free();
  }

  close(): void {
    this.#bad.close();
  }

  /** Drops the request that the device has rejected and all after it. */
  #dropRejected(): void {
    const bad = this.#bad.words;
    const { low, high } = this.#requests;
    while (this.#chained > 0) {
      const request = this.#unchain();
      this.#counted[Count.PostFailed]!++;
      if (low[request] === bad[0] && high[request] === bad[1]) break;
    }
  }

  /** Removes the last request of the chain, frees it and returns it. */
  #unchain(): number {
    const request = this.#at(this.#count - 1);
    this.#count--;
    this.#chained--;
    this.#release(request);
    return request;
  }

  /** Frees the oldest request and returns it. */
  #free(): number {
    const oldest = this.#ring[this.#from]!;
    this.#from = (this.#from + 1) % this.#capacity;
    this.#count--;
    this.#release(oldest);
    return oldest;
  }

  #release(request: number): void {
    this.#completions.outstanding--;
    this.#memory.endUse(this.#requests.slot[request]!);
    this.#requests.give(request);
  }

  #at(position: number): number {
    return this.#ring[(this.#from + position) % this.#capacity]!;
  }
}
