/** Memory for frames of the process's own, for tests: plain slots, of which some or all are lent. */

import { addressOf } from "../../ffi/libc.ts";
import type { FrameMemory, LentSlots } from "./frames.ts";

export class FakeFrames implements FrameMemory {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly vnetAddress: readonly bigint[];
  readonly frameCapacity: number;
  /** Free slots; those that are lent are not among them. */
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

  /** The first `length` bytes of a slot. */
  frame(slot: number, length: number): Uint8Array {
    const at = slot * this.frameCapacity;
    return this.bytes.slice(at, at + length);
  }

  reserve(): number {
    return this.free.pop() ?? -1;
  }

  /** What is given back is lent again where slots are lent. */
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
