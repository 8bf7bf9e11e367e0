/** Completion queues of the device, polled for up to 64 completions at a time and armed on demand. */

import type { BoundCall } from "../../../ffi/libffi.ts";
import {
  Ibv,
  IbvContext,
  IbvModifyCqAttr,
  IbvWc,
} from "../../../ffi/verbs_layout.ts";
import { Errno } from "../../base/errno.ts";
import { lastError } from "../../system/errno.ts";
import type { CqModeration } from "../ud_qp.ts";
import type { VerbsDevice } from "./device.ts";
import { NativeMemory } from "./memory.ts";
import { released } from "./release.ts";

/** Maximum number of completions of one poll. */
export const POLL_BATCH = 64;
const ATTRIBUTES = POLL_BATCH * IbvWc.Size;

/** A source of completions. */
export interface Completions {
  /** The `struct ibv_wc` array of the last poll. */
  readonly view: DataView;
  /** Moves up to `limit` completions into {@linkcode view}. Returns their number, or a negative number on failure. */
  poll(limit?: number): number;
}

/** A `struct ibv_cq`. */
export class CompletionQueue implements Completions {
  /** `struct ibv_cq *`. */
  readonly handle: bigint;
  readonly view: DataView;
  readonly #device: VerbsDevice;
  readonly #memory = new NativeMemory(ATTRIBUTES + IbvModifyCqAttr.Size);
  readonly #poll: BoundCall;
  readonly #arm: BoundCall;

  /**
   * Throws `E_VERBS`.
   *
   * @param entries minimum capacity in completions
   * @param channel `struct ibv_comp_channel *` that receives the events requested by {@linkcode arm}
   */
  constructor(device: VerbsDevice, entries: number, channel: bigint) {
    this.#device = device;
    this.view = this.#memory.view;
    this.handle = device.library.ibv_create_cq(
      device.context,
      entries,
      0n,
      channel,
      0,
    );
    if (this.handle === 0n) {
      const failure = lastError("E_VERBS", "create a completion queue");
      this.#memory.close();
      throw failure;
    }
    this.#poll = device.bind(IbvContext.PollCq, [
      this.handle,
      BigInt(POLL_BATCH),
      this.#memory.address,
    ]);
    this.#arm = device.bind(IbvContext.ReqNotifyCq, [this.handle, 0n]);
  }

  poll(limit = POLL_BATCH): number {
    this.#poll.set(1, limit, 0);
    return this.#poll.call();
  }

  /** Requests an event for the next completion. */
  arm(): void {
    this.#arm.call();
  }

  /** Sets the moderation. Throws `E_MODERATION`, with EOPNOTSUPP if the device does not support it. */
  moderate({ rxUsecs, rxFrames }: CqModeration): void {
    const { view, address } = this.#memory;
    view.setUint32(
      ATTRIBUTES + IbvModifyCqAttr.Mask,
      Ibv.CQ_ATTR_MODERATE,
      true,
    );
    view.setUint16(ATTRIBUTES + IbvModifyCqAttr.Count, rxFrames, true);
    view.setUint16(ATTRIBUTES + IbvModifyCqAttr.Period, rxUsecs, true);
    const modify = this.#device.bindModifyCq(
      this.handle,
      address + BigInt(ATTRIBUTES),
    );
    // The call returns the error number.
    const result = modify?.call() ?? Errno.EOPNOTSUPP;
    if (result !== 0) {
      const errno = Math.abs(result);
      throw lastError("E_MODERATION", "moderate receive completions", {
        errno,
        ...(errno === Errno.EOPNOTSUPP &&
          { hint: `device ${this.#device.name} has no moderation` }),
      });
    }
  }

  close(): void {
    const { library } = this.#device;
    released("a completion queue", library.ibv_destroy_cq(this.handle));
    this.#memory.close();
  }
}
