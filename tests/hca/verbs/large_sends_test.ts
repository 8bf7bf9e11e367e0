/** Large sends on a fake device: requests of two pieces, waiting for free requests, and errors. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { SEND_SLOTS } from "../../../src/hca/verbs/send_memory.ts";
import {
  CONNECTED_REQUESTS,
  SEND_REQUESTS,
} from "../../../src/hca/verbs/send_requests.ts";
import { FRAME_HEADER_LENGTH } from "../../../src/wire/ethernet.ts";
import {
  checkSegments,
  frameOf,
  type Large,
  large,
  parsed,
} from "../../wire/large_send_packet.ts";
import type { LentSlots } from "../../../src/system/frames.ts";
import { LKEY, type SeenRequest } from "./fake_verbs.ts";
import { freeSlots } from "./free_slots.ts";
import { appendTo, ENCAP, HANDLE, SendQueueRig } from "./send_queue_rig.ts";

/** Two segments more than there are requests, with a payload of 10 bytes each. */
const MANY = large({
  size: 10,
  payload: new Uint8Array((SEND_REQUESTS + 2) * 10),
});

/** Appends a large send; returns its slot. */
function append(rig: SendQueueRig, fields: Large, handle = HANDLE): number {
  const frame = frameOf(fields);
  const slot = rig.place(frame);
  const length = frame.length - FRAME_HEADER_LENGTH;
  assert(rig.memory.prepare(slot, length) > 0);
  rig.queue.append(slot, length, handle, 0x48, 0xb1b);
  return slot;
}

/** Returns the packets of requests, and asserts that each message starts with the IPoIB header. */
function packetsOf(requests: readonly SeenRequest[]): Uint8Array[] {
  return requests.map(({ message }) => {
    assertEquals(new DataView(message.buffer).getInt32(0), ENCAP);
    return message.slice(4);
  });
}

Deno.test("a large send is posted as a request of two elements for each segment", () => {
  using rig = new SendQueueRig();
  const fields = large({ size: 100 });
  const slot = append(rig, fields);
  rig.queue.flush();
  checkSegments(fields, packetsOf(rig.posted));
  assertEquals(rig.verbs.posts.length, 1);
  const { memory } = rig;
  const payload = memory.vnetAddress[slot]! + 26n + 52n;
  for (const [i, { request, element }] of rig.posted.entries()) {
    assertEquals(request.getInt32(24, true), 2, "two elements");
    assertEquals(request.getBigUint64(40, true), 0x55_1122_3344n, "handle");
    assertEquals(request.getUint32(48, true), 0x48, "QPN");
    assertEquals(request.getUint32(52, true), 0xb1b, "Q_Key");
    const signaled = i === 15 || i === 24;
    assertEquals(request.getInt32(32, true), signaled ? 2 : 0, "flags");
    assertEquals(element.getUint32(8, true), 56, "headers");
    assertEquals(element.getBigUint64(16, true), payload + BigInt(100 * i));
    for (const at of [12, 28]) assertEquals(element.getUint32(at, true), LKEY);
  }
});

Deno.test("the slot of a large send is free when its last segment has completed", () => {
  using rig = new SendQueueRig();
  append(rig, large({ size: 100 }));
  rig.append(1);
  rig.queue.flush();
  rig.check(2);
  rig.complete(15);
  assertEquals(rig.queue.outstanding, 10);
  rig.check(2);
  rig.complete(24);
  rig.check(1);
  rig.complete(25);
  rig.check(0);
});

Deno.test("a packet after a large send uses one element again", () => {
  using rig = new SendQueueRig();
  append(rig, large());
  rig.queue.flush();
  rig.complete(2);
  rig.append(3);
  rig.queue.flush();
  for (const { request } of rig.posted.slice(3)) {
    assertEquals(request.getInt32(24, true), 1);
  }
});

Deno.test("segments wait for free requests, and the kernel gets no slots meanwhile", () => {
  using rig = new SendQueueRig();
  const { memory, queue } = rig;
  append(rig, MANY);
  const later = large({ payload: new Uint8Array(30).fill(1), size: 20 });
  append(rig, later);
  queue.flush();
  assertEquals(rig.posted.length, SEND_REQUESTS);
  assertEquals([memory.waiting, memory.ready], [1, false]);
  assertEquals(memory.reserve(), -1);
  assert(memory.starved);
  const lent: LentSlots & { readonly slots: number[] } = {
    slots: [],
    get available() {
      return this.slots.length;
    },
    add(slot) {
      this.slots.push(slot);
    },
  };
  memory.lendTo(lent);
  assertEquals(lent.slots, []);
  rig.check(2);

  rig.complete(2);
  queue.flush();
  assertEquals(rig.posted.length, SEND_REQUESTS + 3);
  assertEquals(memory.waiting, 1);
  memory.supply();
  assertEquals(lent.slots, []);
  rig.complete(SEND_REQUESTS + 1);
  rig.check(1);
  queue.flush();
  assertEquals([memory.waiting, memory.ready], [0, true]);
  rig.complete(SEND_REQUESTS + 3);
  rig.check(0);
  const packets = packetsOf(rig.posted);
  checkSegments(MANY, packets.slice(0, SEND_REQUESTS + 2));
  checkSegments(later, packets.slice(SEND_REQUESTS + 2));
  memory.supply();
  assertEquals(lent.slots.length, 64);
});

Deno.test("packets whose address handle was destroyed while they waited are dropped", () => {
  using rig = new SendQueueRig();
  const handle = { ...HANDLE };
  append(rig, MANY, handle);
  append(rig, large(), handle);
  append(rig, large());
  rig.queue.flush();
  handle.alive = false;
  rig.check(3);
  rig.complete(9);
  rig.queue.flush();
  assertEquals(rig.memory.waiting, 0);
  assertEquals(rig.counters.get("xmit_not_ready"), 2);
  rig.complete(SEND_REQUESTS - 1);
  rig.check(1);
  rig.complete(SEND_REQUESTS + 2);
  rig.check(0);
  checkSegments(large(), packetsOf(rig.posted.slice(SEND_REQUESTS)));
});

Deno.test("a reset frees the slots of posted, chained and waiting packets once", () => {
  using rig = new SendQueueRig();
  append(rig, large({ size: 100 }));
  rig.queue.flush();
  append(rig, MANY);
  append(rig, large());
  assertEquals(freeSlots(rig.memory), SEND_SLOTS - 3);
  rig.complete(0, 5);
  assert(rig.queue.failed);
  rig.queue.abandon();
  rig.check(0);
  assertEquals([rig.memory.waiting, rig.queue.failed], [0, false]);
  append(rig, large());
  rig.queue.flush();
  checkSegments(large(), packetsOf(rig.posted.slice(-3)));
});

Deno.test("segments that the device does not accept are freed, and their slot when the others have completed", () => {
  using rig = new SendQueueRig();
  rig.verbs.accepts = 2;
  append(rig, large());
  append(rig, large());
  rig.queue.flush();
  assertEquals(rig.counters.get("post_failed"), 4);
  rig.check(1);
  rig.complete(1);
  rig.check(0);
});

Deno.test("a connection sends a large send as messages, and continues in the middle when others have completed", () => {
  using rig = new SendQueueRig();
  const connected = rig.connect(4);
  const fields = large();
  const frame = frameOf(fields);
  const length = frame.length - FRAME_HEADER_LENGTH;
  for (let i = 0; i < 3; i++) appendTo(connected, rig.place(frame), length);
  assertEquals(rig.memory.waiting, 1);
  connected.flush();
  assertEquals(rig.posted.length, 4);
  for (const completed of [2, 5]) {
    rig.complete(completed, 0, connected.tag);
    connected.flush();
  }
  const packets = packetsOf(rig.posted);
  for (let i = 0; i < 9; i += 3) checkSegments(fields, packets.slice(i, i + 3));
  assertEquals(rig.memory.waiting, 0);
  rig.complete(8, 0, connected.tag);
  rig.check(0);
  connected.close();
});

Deno.test("connections and datagrams do not take requests from each other", () => {
  using rig = new SendQueueRig();
  const connected = rig.connect(2 * CONNECTED_REQUESTS);
  append(rig, MANY);
  assertEquals([rig.memory.requests.free, rig.memory.waiting], [0, 1]);
  const payload = new Uint8Array(CONNECTED_REQUESTS * 10);
  const frame = frameOf({ ...MANY, payload });
  const length = frame.length - FRAME_HEADER_LENGTH;
  appendTo(connected, rig.place(frame), length);
  assertEquals(rig.memory.waiting, 1);
  appendTo(connected, rig.memory.reserve(true), 10);
  assertEquals([rig.memory.connectedRequests.free, rig.memory.waiting], [0, 2]);
  connected.close();
  assertEquals(rig.memory.waiting, 1);
  rig.queue.flush();
  rig.check(1);
});

Deno.test("prepare() completes a checksum, and returns the length of the longest packet or -1", () => {
  using rig = new SendQueueRig();
  const { memory } = rig;
  const frame = frameOf(large({ ipv4: false }));
  const length = frame.length - FRAME_HEADER_LENGTH;
  assertEquals(memory.prepare(rig.place(frame), length), 40 + 32 + 1000);
  frame[4] = frame[5] = 0;
  assertEquals(memory.prepare(rig.place(frame), length), -1);
  frame[1] = 0;
  const slot = rig.place(frame);
  assertEquals(memory.prepare(slot, length), length);
  const at = slot * memory.stride + memory.layout.payload;
  parsed(memory.bytes.slice(at, at + length));
  assert(!memory.isLarge(slot));
  frame[9] = 0x40;
  assertEquals(memory.prepare(rig.place(frame), length), -1);
});

/** A random action on a queue. */
type Action =
  | { readonly do: "append"; readonly segments: number }
  | { readonly do: "flush" | "abandon" }
  | { readonly do: "complete"; readonly which: number };

const actions = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.nat(600).map((segments): Action => ({
        do: "append",
        segments,
      })),
    },
    { weight: 4, arbitrary: fc.constant<Action>({ do: "flush" }) },
    {
      weight: 4,
      arbitrary: fc.nat(1e6).map((which): Action => ({
        do: "complete",
        which,
      })),
    },
    { weight: 1, arbitrary: fc.constant<Action>({ do: "abandon" }) },
  ),
  { maxLength: 60 },
);

Deno.test("after any sequence of packets, completions and resets all requests and slots are free", () => {
  fc.assert(
    fc.property(actions, (list) => {
      using rig = new SendQueueRig();
      let completed = 0;
      for (const action of list) {
        if (action.do === "append") {
          const payload = new Uint8Array(action.segments * 10 + 1);
          append(rig, large({ size: 10, payload }));
        } else if (action.do === "complete") {
          const left = rig.posted.length - completed;
          if (left === 0) continue;
          completed += 1 + action.which % left;
          rig.complete(completed - 1);
        } else {
          rig.queue[action.do]();
          if (action.do === "abandon") completed = rig.posted.length;
        }
      }
      // Whatever waits is sent once others have completed.
      for (rig.queue.flush(); rig.queue.outstanding > 0; rig.queue.flush()) {
        rig.complete(rig.posted.length - 1);
      }
      rig.check(0);
      assertEquals(rig.memory.waiting, 0);
    }),
    { numRuns: 20 },
  );
});
