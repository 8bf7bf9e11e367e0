/** A send queue on a fake device. */

import { assertEquals } from "@std/assert";
import { VerbsCounters } from "../../../src/hca/verbs/counters.ts";
import { SendCompletions } from "../../../src/hca/verbs/send_completions.ts";
import {
  SEND_SLOTS,
  VerbsSendMemory,
} from "../../../src/hca/verbs/send_memory.ts";
import { SendQueue } from "../../../src/hca/verbs/send_queue.ts";
import { SEND_REQUESTS } from "../../../src/hca/verbs/send_requests.ts";
import { FRAME_HEADER_LENGTH } from "../../../src/wire/ethernet.ts";
import { FakeCompletions, FakeVerbs } from "./fake_verbs.ts";
import { freeSlots } from "./free_slots.ts";

export const HANDLE = { low: 0x11223344, high: 0x55, alive: true };
export const ENCAP = 0x08000000;

/** Appends a packet to the queue of a connection. */
export function appendTo(queue: SendQueue, slot: number, length: number): void {
  queue.append(slot, length, undefined, 0, 0);
}

export class SendQueueRig implements Disposable {
  readonly verbs = new FakeVerbs();
  readonly cq = new FakeCompletions();
  readonly counters = new VerbsCounters();
  readonly memory = new VerbsSendMemory(this.verbs.library, 0n, true);
  readonly completions = new SendCompletions(this.cq);
  readonly queue = this.open(SEND_REQUESTS);

  /** Opens a queue of a UD queue pair that shares the completions. */
  open(capacity: number, requests = this.memory.requests): SendQueue {
    const { verbs, completions, memory, counters } = this;
    return new SendQueue(
      ...[verbs, 0n, completions, memory, requests, capacity] as const,
      counters,
    );
  }

  /** Opens a queue of a connection that shares the completions. */
  connect(capacity: number): SendQueue {
    return this.open(capacity, this.memory.connectedRequests);
  }

  /** Appends `count` packets; returns their slots, which are also their requests if all were free. */
  append(count: number): number[] {
    return Array.from({ length: count }, () => {
      const slot = this.place(new Uint8Array(FRAME_HEADER_LENGTH));
      this.queue.append(slot, 100, HANDLE, 0x48, 0xb1b);
      return slot;
    });
  }

  /** Copies a frame into a free slot, and returns the slot. */
  place(frame: Uint8Array): number {
    const { memory } = this;
    const slot = memory.reserve(true);
    const base = slot * memory.stride;
    memory.bytes.set(frame, base + memory.layout.vnet);
    memory.view.setInt32(base + memory.layout.encap, ENCAP);
    return slot;
  }

  /** All posted requests, in order. */
  get posted() {
    return this.verbs.posts.flat();
  }

  /** Completes request `i` of the posted ones, and so all before it. */
  complete(i: number, status = 0, tag = 0): void {
    this.cq.waiting.push({ id: this.posted[i]!.id, status, tag });
    this.completions.poll();
  }

  /** Asserts that every request is accounted for once, and that `held` slots are not free. */
  check(held: number): void {
    const { counters, queue, memory } = this;
    assertEquals(
      counters.get("posted"),
      counters.get("completed") + counters.get("abandoned") +
        queue.outstanding,
    );
    assertEquals(SEND_SLOTS - freeSlots(memory), held);
    assertEquals(memory.requests.free, SEND_REQUESTS - queue.outstanding);
  }

  [Symbol.dispose](): void {
    this.queue.close();
    this.memory.close();
  }
}
