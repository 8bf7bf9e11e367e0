/** Frame memory for tests: slots in an ordinary buffer, all of which can be lent. */

import { addressOf } from "../../ffi/libc.ts";
import type { FrameMemory, LentSlots } from "./frames.ts";

export class FakeFrames implements FrameMemory {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly vnetAddress: readonly bigint[];
  readonly frameCapacity: number;
  /** Free slots, without lent ones. */
  readonly free: number[];
  #borrower: LentSlots | undefined;

  constructor(slots: number, frameCapacity: number) {
    this.frameCapacity = frameCapacity;
    this.bytes = new Uint8Array(slots * frameCapacity);
    const base = addressOf(this.bytes);
    this.vnetAddress = Array.from(
      { length: slots },
      (_, slot) => base + BigInt(slot * frameCapacity),
    );
    this.free = Array.from({ length: slots }, (_, slot) => slots - 1 - slot);
  }

  /** Returns a copy of the first `length` bytes of a slot. */
  frame(slot: number, length: number): Uint8Array {
    const at = slot * this.frameCapacity;
    return this.bytes.slice(at, at + length);
  }

  reserve(): number {
    return this.free.pop() ?? -1;
  }

  /** Lends the slot again if slots are lent; otherwise adds it to the free slots. */
  unreserve(slot: number): void {
    if (this.#borrower) this.#borrower.add(slot);
    else this.free.push(slot);
  }

  lendTo(borrower: LentSlots): void {
    this.#borrower = borrower;
    for (const slot of this.free.splice(0)) borrower.add(slot);
  }

  takeLent(_slot: number): void {}
}
