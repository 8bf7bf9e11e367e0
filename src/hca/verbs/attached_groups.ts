/**
 * The multicast groups to which a UD queue pair is attached. On Ethernet the network device of the port joins each of them
 * too (roce/roce.ts).
 */

import type { DeviceQueuePair } from "./device_queue_pair.ts";
import type { Roce } from "./roce/roce.ts";

/** A group that the queue pair is attached to. */
export interface Attached {
  readonly mgid: Uint8Array;
  readonly mlid: number;
}

export class AttachedGroups {
  readonly #pair: Pick<DeviceQueuePair, "attach" | "detach">;
  readonly #roce: Pick<Roce, "join" | "leave"> | undefined;
  readonly #groups: Attached[] = [];

  /** @param roce absent on InfiniBand */
  constructor(
    pair: Pick<DeviceQueuePair, "attach" | "detach">,
    roce: Pick<Roce, "join" | "leave"> | undefined,
  ) {
    this.#pair = pair;
    this.#roce = roce;
  }

  get all(): readonly Attached[] {
    return this.#groups;
  }

  /** Attaches the queue pair. Throws `E_VERBS`; on Ethernet also `E_ROCE_GROUP`. */
  attach(mgid: Uint8Array, mlid: number): void {
    const roce = this.#roce;
    using undo = new DisposableStack();
    roce?.join(mgid);
    undo.defer(() => roce?.leave(mgid));
    this.#pair.attach(mgid, mlid);
    undo.move();
    this.#groups.push({ mgid: mgid.slice(), mlid });
  }

  /** Detaches the queue pair; no effect if it is not attached. */
  detach(mgid: Uint8Array, mlid: number): void {
    const key = mgid.join();
    const at = this.#groups.findIndex((group) =>
      group.mlid === mlid && group.mgid.join() === key
    );
    if (at < 0) return;
    this.#groups.splice(at, 1);
    this.#detach(mgid, mlid);
  }

  /** Attaches the queue pair again after a reset. */
  attachAgain(): void {
    for (const { mgid, mlid } of this.#groups) {
      // Most devices keep the attachments through a reset, and refuse to attach again.
      try {
        this.#pair.attach(mgid, mlid);
      } catch {
        continue;
      }
    }
  }

  /** Detaches the queue pair from all groups, before it is destroyed. */
  close(): void {
    for (const { mgid, mlid } of this.#groups) this.#detach(mgid, mlid);
  }

  #detach(mgid: Uint8Array, mlid: number): void {
    this.#pair.detach(mgid, mlid);
    this.#roce?.leave(mgid);
  }
}
