/** Turns of the loop with a simulated device, which completes requests at any time. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { SEND_SLOTS } from "../../../src/hca/verbs/send_memory.ts";
import type { SendQueue } from "../../../src/hca/verbs/send_queue.ts";
import { SEND_REQUESTS } from "../../../src/hca/verbs/send_requests.ts";
import {
  type SendingQp,
  SendTurns,
} from "../../../src/hca/verbs/send_turns.ts";
import { FRAME_HEADER_LENGTH } from "../../../src/wire/ethernet.ts";
import { frameOf, large } from "../../wire/large_send_packet.ts";
import { freeSlots } from "./free_slots.ts";
import { ENCAP, HANDLE, SendQueueRig } from "./send_queue_rig.ts";

const SEGMENT = 10;

/** Numbers of the queues of a {@linkcode Rig}: two UD queue pairs, and a connection. */
const [FIRST, SECOND, CONNECTION] = [0, 1, 2];

/** A port with three queues on a device that completes requests in order when the test says so. */
class Rig implements Disposable {
  readonly rig = new SendQueueRig();
  readonly queues: readonly SendQueue[] = [
    this.rig.queue,
    this.rig.open(SEND_REQUESTS),
    this.rig.connect(128),
  ];
  readonly turns: SendTurns;
  credit = 0;
  /** True if the device has raised an event that the loop has not received. */
  event = false;
  /** Called when the completion queues are armed, before they are. */
  beforeArm: () => void = () => {};
  #armed = false;
  #completed = 0;
  readonly #frame: Uint8Array;

  /** @param segments of each large send */
  constructor(segments: number) {
    const payload = new Uint8Array(segments * SEGMENT);
    this.#frame = frameOf(large({ size: SEGMENT, payload }));
    const qps = this.queues.map((queue): SendingQp => ({
      flush: () => queue.flush(),
      collect: () => this.rig.completions.poll(),
      armSends: () => {
        this.beforeArm();
        this.#armed = true;
      },
    }));
    this.turns = new SendTurns(this.rig.memory, qps, () => this.credit++);
  }

  get memory() {
    return this.rig.memory;
  }

  /** Reads as many frames for a queue as there are slots for, at most `limit`. Returns their number. */
  read(limit: number, queue: number): number {
    for (let n = 0; n < limit; n++) {
      const slot = this.memory.reserve();
      if (slot < 0) return n;
      const { stride, layout, view, bytes } = this.memory;
      bytes.set(this.#frame, slot * stride + layout.vnet);
      view.setInt32(slot * stride + layout.encap, ENCAP);
      this.queues[queue]!.append(
        slot,
        this.#frame.length - FRAME_HEADER_LENGTH,
        queue === CONNECTION ? undefined : HANDLE,
        1,
        1,
      );
    }
    return limit;
  }

  /** Number of posted requests that the device has not completed. */
  get inDevice(): number {
    return this.rig.posted.length - this.#completed;
  }

  /** The device completes the next `count` requests; each of them is signaled here. */
  complete(count: number): void {
    for (let i = 0; i < count; i++) {
      const { id, request } = this.rig.posted[this.#completed++]!;
      this.rig.cq.waiting.push({ id, tag: request.getInt32(4, true) });
    }
    if (count === 0 || !this.#armed) return;
    this.#armed = false;
    this.event = true;
  }

  [Symbol.dispose](): void {
    for (const queue of this.queues.slice(1)) queue.close();
    this.rig[Symbol.dispose]();
  }
}

Deno.test("packets that wait are posted when requests complete, and then the device is read again", () => {
  using port = new Rig(350);
  const { memory, turns } = port;
  assertEquals(port.read(3, FIRST), 2);
  assert(memory.starved);
  turns.flush();
  assertEquals([port.inDevice, memory.waiting, port.credit], [512, 1, 0]);
  port.complete(100);
  assert(port.event);
  turns.onEvent();
  turns.flush();
  assertEquals([port.inDevice, memory.waiting, port.credit], [512, 1, 0]);
  port.complete(512);
  turns.onEvent();
  turns.flush();
  assertEquals([port.inDevice, memory.waiting, port.credit], [88, 0, 1]);
  port.complete(88);
  turns.flush();
  assertEquals(freeSlots(memory), SEND_SLOTS);
});

Deno.test("completions from before the arming are not lost", () => {
  using port = new Rig(350);
  const { memory, turns } = port;
  port.read(2, FIRST);
  port.beforeArm = () => {
    port.beforeArm = () => {};
    port.complete(port.inDevice);
  };
  turns.flush();
  // No event was raised for them, but the packet that waited was posted, and its completion raises one.
  assertEquals([port.event, port.inDevice, memory.waiting], [false, 188, 0]);
  assertEquals(freeSlots(memory), SEND_SLOTS - 1);
});

Deno.test("a queue pair without requests of its own continues when those of another complete", () => {
  using port = new Rig(SEND_REQUESTS);
  const [first, second] = port.queues;
  port.read(1, FIRST);
  port.read(1, SECOND);
  port.turns.flush();
  assertEquals(first!.outstanding, SEND_REQUESTS);
  assertEquals(second!.outstanding, 0);
  port.complete(SEND_REQUESTS);
  assert(port.event);
  port.turns.onEvent();
  port.turns.flush();
  assertEquals(first!.outstanding, 0);
  assertEquals(second!.outstanding, SEND_REQUESTS);
});

/** What happens in a turn: frames to read for each queue, and completions at two times. */
const turn = fc.record({
  first: fc.nat(20),
  second: fc.nat(20),
  connection: fc.nat(20),
  before: fc.nat(1),
  complete: fc.nat(1500),
});

Deno.test("the loop never sleeps for ever with packets to send", () => {
  fc.assert(
    fc.property(
      fc.array(turn, { minLength: 1, maxLength: 15 }),
      fc.integer({ min: 1, max: 900 }),
      (list, segments) => {
        using port = new Rig(segments);
        const { memory, turns } = port;
        for (const { first, second, connection, ...device } of list) {
          const { before, complete } = device;
          port.read(first, FIRST);
          port.read(second, SECOND);
          port.read(connection, CONNECTION);
          port.beforeArm = () => port.complete(before ? port.inDevice : 0);
          turns.flush();
          port.complete(Math.min(complete, port.inDevice));
          if (port.event) turns.onEvent();
          port.event = false;
        }
        port.beforeArm = () => {};
        for (turns.flush(); port.inDevice > 0; turns.flush()) {
          const blocked = memory.starved || memory.waiting > 0;
          port.complete(port.inDevice);
          assert(port.event || !blocked, "an event wakes the loop");
          if (port.event) turns.onEvent();
          port.event = false;
        }
        assertEquals(memory.waiting, 0);
        assertEquals(freeSlots(memory), SEND_SLOTS);
        assert(!memory.starved && memory.ready);
      },
    ),
    { numRuns: 12 },
  );
});
