/** A shared receive queue (SRQ) of the device (IBTA vol. 1 10.2.9). */

import { IbvSrqInitAttr } from "../../../ffi/verbs_layout.ts";
import { lastError } from "../../system/errno.ts";
import type { VerbsDevice } from "./device.ts";
import { released } from "./release.ts";

/** A `struct ibv_srq`. */
export class SharedReceiveQueue {
  /** `struct ibv_srq *`. */
  readonly handle: bigint;
  readonly #library: VerbsDevice["library"];

  /**
   * Throws `E_VERBS`.
   *
   * @param pd `struct ibv_pd *`
   * @param requests capacity in work requests
   */
  constructor(
    { library }: Pick<VerbsDevice, "library">,
    pd: bigint,
    requests: number,
  ) {
    this.#library = library;
    const init = new Uint8Array(IbvSrqInitAttr.Size);
    const view = new DataView(init.buffer);
    view.setUint32(IbvSrqInitAttr.MaxWr, requests, true);
    view.setUint32(IbvSrqInitAttr.MaxSge, 1, true);
    this.handle = library.ibv_create_srq(pd, init);
    if (this.handle === 0n) {
      throw lastError("E_VERBS", "create a shared receive queue");
    }
  }

  /** Destroys the queue; its queue pairs must be closed. */
  close(): void {
    const result = this.#library.ibv_destroy_srq(this.handle);
    released("a shared receive queue", result);
  }
}
