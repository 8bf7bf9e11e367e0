/** Turns of the loop with a simulated device, which completes requests at any time. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { PendingList } from "../../../src/base/pending_list.ts";
import { VerbsCounters } from "../../../src/hca/verbs/counters.ts";
import {
  SEND_SLOTS,
  VerbsSendMemory,
} from "../../../src/hca/verbs/send_memory.ts";
import { SendCompletions } from "../../../src/hca/verbs/send_completions.ts";
import { SendQueue } from "../../../src/hca/verbs/send_queue.ts";
import {
  SEND_REQUESTS,
  type SendRequests,
} from "../../../src/hca/verbs/send_requests.ts";
import {
  type SendingQp,
  SendTurns,
} from "../../../src/hca/verbs/send_turns.ts";
import { FRAME_HEADER_LENGTH } from "../../../src/wire/ethernet.ts";
import { frameOf, large } from "../../wire/large_send_packet.ts";
import { freeSlots } from "./free_slots.ts";
import { FakeCompletions, FakeVerbs } from "./fake_verbs.ts";
import { ENCAP, HANDLE } from "./send_queue_rig.ts";

const SEGMENT = 10;

/** Numbers of the queues of a {@linkcode Rig}: two UD queue pairs, and a connection of a third one. */
const [FIRST, SECOND, CONNECTION] = [0, 1, 2];

/** A send queue with a completion queue of its own, on a device that completes requests in order. */
class Sender implements SendingQp {
  dirty = false;
  readonly queue: SendQueue;
  readonly #port: Rig;
  readonly #verbs = new FakeVerbs();
  readonly #cq = new FakeCompletions();
  readonly #completions = new SendCompletions(this.#cq);
  #armed = false;
  #completed = 0;

  constructor(port: Rig, requests: SendRequests, capacity: number) {
    const { memory, counters } = port;
    this.#port = port;
    this.queue = new SendQueue(
      ...[this.#verbs, 0n, this.#completions, memory] as const,
      ...[requests, capacity, counters] as const,
    );
  }

  flush(): void {
    this.queue.flush();
  }

  collect(): void {
    this.#completions.poll();
  }

  armSends(): boolean {
    if (this.#armed) return false;
    this.#port.beforeArm();
    this.#armed = true;
    return true;
  }

  /** True if the port needs not visit it in a turn. */
  get idle(): boolean {
    return this.queue.outstanding === 0 && !this.queue.waiting;
  }

  /** Number of posted requests that the device has not completed. */
  get inDevice(): number {
    return this.#verbs.posts.flat().length - this.#completed;
  }

  /** The device completes up to `count` requests; each of them is signaled here. Returns their number. */
  complete(count: number): number {
    const { inDevice } = this;
    const completed = Math.min(count, inDevice);
    const from = this.#completed;
    this.#completed += completed;
    for (
      const { id } of this.#verbs.posts.flat().slice(from, this.#completed)
    ) {
      this.#cq.waiting.push({ id });
    }
    if (completed > 0 && this.#armed) {
      this.#armed = false;
      this.#port.event = true;
    }
    return completed;
  }
}

/** A port with three queues on a device that completes requests when the test says so. */
class Rig implements Disposable {
  readonly counters = new VerbsCounters();
  readonly memory = new VerbsSendMemory(new FakeVerbs().library, 0n, true);
  readonly senders: readonly Sender[];
  readonly turns: SendTurns;
  credit = 0;
  /** True if the device has raised an event that the loop has not received. */
  event = false;
  /** Called before a completion queue is armed. */
  beforeArm: () => void = () => {};
  readonly #active = new PendingList<Sender>();
  readonly #frame: Uint8Array;

  /** @param segments of each large send */
  constructor(segments: number) {
    const payload = new Uint8Array(segments * SEGMENT);
    this.#frame = frameOf(large({ size: SEGMENT, payload }));
    const { requests, connectedRequests } = this.memory;
    this.senders = [
      new Sender(this, requests, SEND_REQUESTS),
      new Sender(this, requests, SEND_REQUESTS),
      new Sender(this, connectedRequests, 128),
    ];
    this.turns = new SendTurns(this.memory, this.#active, () => this.credit++);
  }

  /**
   * Reads as many frames for a queue as there are slots for, at most `limit`. Returns their number.
   *
   * @param lent true if the kernel has slots, even while packets wait
   */
  read(limit: number, number: number, lent = false): number {
    const sender = this.senders[number]!;
    for (let n = 0; n < limit; n++) {
      const slot = this.memory.reserve(lent);
      if (slot < 0) return n;
      const { stride, layout, view, bytes } = this.memory;
      bytes.set(this.#frame, slot * stride + layout.vnet);
      view.setInt32(slot * stride + layout.encap, ENCAP);
      sender.queue.append(
        slot,
        this.#frame.length - FRAME_HEADER_LENGTH,
        number === CONNECTION ? undefined : HANDLE,
        1,
        1,
      );
      this.#active.add(sender);
    }
    return limit;
  }

  /** Ends a turn, and removes the idle queues from the list. */
  flush(): void {
    this.turns.flush();
    for (const sender of this.senders) {
      if (sender.idle) this.#active.remove(sender);
    }
  }

  /** Number of posted requests that the device has not completed. */
  get inDevice(): number {
    return this.senders.reduce((sum, { inDevice }) => sum + inDevice, 0);
  }

  /** The device completes up to `count` requests, those of the queue with this number first. */
  complete(count: number, first = 0): void {
    let left = count;
    for (let i = 0; i < this.senders.length; i++) {
      const sender = this.senders[(first + i) % this.senders.length]!;
      left -= sender.complete(left);
    }
  }

  [Symbol.dispose](): void {
    for (const { queue } of this.senders) queue.close();
    this.memory.close();
  }
}

Deno.test("packets that wait are posted when requests complete, and then the device is read again", () => {
  using port = new Rig(350);
  const { memory } = port;
  assertEquals(port.read(3, FIRST), 2);
  assert(memory.starved);
  port.flush();
  assertEquals([port.inDevice, memory.waiting, port.credit], [512, 1, 0]);
  port.complete(100);
  assert(port.event);
  port.flush();
  assertEquals([port.inDevice, memory.waiting, port.credit], [512, 1, 0]);
  port.complete(512);
  port.flush();
  assertEquals([port.inDevice, memory.waiting, port.credit], [88, 0, 1]);
  port.complete(88);
  port.flush();
  assertEquals(freeSlots(memory), SEND_SLOTS);
});

Deno.test("completions from before the arming are not lost", () => {
  using port = new Rig(350);
  const { memory } = port;
  port.read(2, FIRST);
  port.beforeArm = () => {
    port.beforeArm = () => {};
    port.complete(port.inDevice);
  };
  port.flush();
  // No event was raised for them, but the packet that waited was posted, and its completion raises one.
  assertEquals([port.event, port.inDevice, memory.waiting], [false, 188, 0]);
  assertEquals(freeSlots(memory), SEND_SLOTS - 1);
});

Deno.test("a queue pair without requests of its own continues when those of another complete", () => {
  using port = new Rig(SEND_REQUESTS);
  const [first, second] = port.senders;
  port.read(1, FIRST);
  port.read(1, SECOND);
  port.flush();
  assertEquals(first!.queue.outstanding, SEND_REQUESTS);
  assertEquals(second!.queue.outstanding, 0);
  port.complete(SEND_REQUESTS);
  assert(port.event);
  port.flush();
  assertEquals(first!.queue.outstanding, 0);
  assertEquals(second!.queue.outstanding, SEND_REQUESTS);
});

Deno.test("an event is requested for a queue that becomes active while one is requested for another", () => {
  using port = new Rig(100);
  port.read(6, FIRST);
  port.flush();
  assertEquals([port.memory.waiting, port.event], [1, false]);
  // The kernel had slots for two frames.
  port.read(2, CONNECTION, true);
  port.flush();
  port.senders[CONNECTION]!.complete(100);
  assert(port.event);
});

/** What happens in a turn: frames to read for each queue, and completions at two times. */
const turn = fc.record({
  first: fc.nat(20),
  second: fc.nat(20),
  connection: fc.nat(20),
  before: fc.nat(1),
  complete: fc.nat(1500),
  of: fc.nat(2),
});

Deno.test("the loop never sleeps for ever with packets to send", () => {
  fc.assert(
    fc.property(
      fc.array(turn, { minLength: 1, maxLength: 15 }),
      fc.integer({ min: 1, max: 900 }),
      (list, segments) => {
        using port = new Rig(segments);
        const { memory } = port;
        for (const { first, second, connection, ...device } of list) {
          const { before, complete, of } = device;
          port.read(first, FIRST);
          port.read(second, SECOND);
          port.read(connection, CONNECTION);
          port.beforeArm = () => port.complete(before ? port.inDevice : 0);
          port.flush();
          port.complete(complete, of);
          port.event = false;
        }
        port.beforeArm = () => {};
        for (port.flush(); port.inDevice > 0; port.flush()) {
          const blocked = memory.starved || memory.waiting > 0;
          port.event = false;
          port.complete(port.inDevice);
          assert(port.event || !blocked, "an event wakes the loop");
        }
        assertEquals(memory.waiting, 0);
        assertEquals(freeSlots(memory), SEND_SLOTS);
        assert(!memory.starved && memory.ready);
      },
    ),
    { numRuns: 12 },
  );
});
