/** The observers of a network device: copies frames from their addresses, so that listeners receive bytes. */

import { libc } from "../../ffi/libc.ts";
import { Observers } from "../base/listeners.ts";
import type {
  FrameBatch,
  FrameMemory,
  GatheredFrame,
} from "../system/frames.ts";
import { IOVEC_LENGTH } from "../system/frames.ts";
import { FRAME_HEADER_LENGTH } from "../wire/ethernet.ts";
import { MAX_IP_PACKET } from "../wire/ipv4.ts";
import type { FrameListener } from "./netdev.ts";

/** The observers of a device (`Netdev.observeFrames`). */
export class FrameObservers extends Observers<Parameters<FrameListener>> {
  readonly #copy = new Uint8Array(FRAME_HEADER_LENGTH + MAX_IP_PACKET);

  /** Passes on the frames of a batch that was read into `memory`. */
  read({ count, slot, length }: FrameBatch, memory: FrameMemory): void {
    for (let i = 0; i < count; i++) {
      const from = memory.vnetAddress[slot[i]!]!;
      this.listeners.call("sent", this.#copyFrom(from, length[i]!));
    }
  }

  /** Passes on the frame of `length` bytes at `address`. */
  written(address: bigint, length: number): void {
    this.listeners.call("received", this.#copyFrom(address, length));
  }

  /** Passes on a frame in pieces. */
  writtenGathered({ vectors, pieces }: GatheredFrame): void {
    const view = new DataView(vectors.buffer);
    let length = 0;
    for (let at = 0; at < pieces * IOVEC_LENGTH; at += IOVEC_LENGTH) {
      const address = view.getBigUint64(at, true);
      length += this.#copyFrom(address, view.getUint32(at + 8, true), length)
        .length;
    }
    this.listeners.call("received", this.#copy.subarray(0, length));
  }

  /** Passes on a frame of the program itself. */
  writtenBytes(frame: Uint8Array): void {
    this.listeners.call("received", frame);
  }

  /** Copies bytes at `address`, as many as there is space for, to offset `to` of the copy, and returns that part. */
  #copyFrom(address: bigint, length: number, to = 0): Uint8Array {
    const into = this.#copy.subarray(to, to + length);
    libc().copyFrom(into, address, into.length);
    return into;
  }
}
