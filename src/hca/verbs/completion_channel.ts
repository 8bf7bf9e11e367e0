/** The completion channel of a port (`struct ibv_comp_channel`), whose events wake the loop. */

import { bytesAt } from "../../../ffi/libc.ts";
import type { Libibverbs } from "../../../ffi/libibverbs.ts";
import { IbvCompChannel } from "../../../ffi/verbs_layout.ts";
import { setNonBlocking } from "../../system/fd.ts";
import type { Reactor, Watch } from "../../system/reactor.ts";
import { Count, type VerbsCounters } from "./counters.ts";

export class CompletionChannel {
  readonly #library: Libibverbs;
  readonly #channel: bigint;
  readonly #counted: Float64Array;
  readonly #onEvents: () => void;
  readonly #watch: Watch;
  readonly #eventCq = new BigUint64Array(1);
  readonly #eventCqBytes = new Uint8Array(this.#eventCq.buffer);
  readonly #eventContext = new Uint8Array(new ArrayBuffer(8));

  /**
   * Throws `E_FCNTL`.
   *
   * @param channel `struct ibv_comp_channel *`
   * @param onEvents called after events were received and acknowledged
   */
  constructor(
    reactor: Reactor,
    library: Libibverbs,
    channel: bigint,
    counters: VerbsCounters,
    onEvents: () => void,
  ) {
    this.#library = library;
    this.#channel = channel;
    this.#counted = counters.values;
    this.#onEvents = onEvents;
    const fd = new DataView(bytesAt(channel, IbvCompChannel.Fd + 4))
      .getInt32(IbvCompChannel.Fd, true);
    setNonBlocking(fd);
    this.#watch = reactor.watch(fd, () => this.#receive(), { fast: true });
  }

  close(): void {
    this.#watch.close();
  }

  #receive(): void {
    const library = this.#library;
    while (
      library.ibv_get_cq_event(
        this.#channel,
        this.#eventCqBytes,
        this.#eventContext,
      ) === 0
    ) {
      this.#counted[Count.CqEvents]!++;
      library.ibv_ack_cq_events(this.#eventCq[0]!, 1);
    }
    this.#onEvents();
  }
}
