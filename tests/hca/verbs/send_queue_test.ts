import { assert, assertEquals } from "@std/assert";
import { VerbsCounters } from "../../../src/hca/verbs/counters.ts";
import {
  SEND_SLOTS,
  VerbsSendMemory,
} from "../../../src/hca/verbs/send_memory.ts";
import { SendQueue } from "../../../src/hca/verbs/send_queue.ts";
import { freeSlots } from "./free_slots.ts";
import { FakeCompletions, FakeVerbs, LKEY } from "./fake_verbs.ts";

const HANDLE = { low: 0x11223344, high: 0x55 };

/** A send queue on a fake device. */
class Rig implements Disposable {
  readonly verbs = new FakeVerbs();
  readonly cq = new FakeCompletions();
  readonly counters = new VerbsCounters();
  readonly memory = new VerbsSendMemory(this.verbs.library, 0n);
  readonly queue = new SendQueue(
    this.verbs,
    0n,
    this.cq,
    this.memory,
    this.counters,
  );

  /** Appends `count` packets; returns their slots. */
  append(count: number): number[] {
    return Array.from({ length: count }, () => {
      const slot = this.memory.reserve();
      this.queue.append(slot, 100, HANDLE, 0x48, 0xb1b);
      return slot;
    });
  }

  /** Asserts that every packet and every slot is accounted for once. */
  check(): void {
    const { counters, queue, memory } = this;
    assertEquals(
      counters.get("posted"),
      counters.get("completed") + counters.get("abandoned") +
        queue.outstanding,
    );
    assertEquals(freeSlots(memory) + queue.outstanding, SEND_SLOTS);
  }

  [Symbol.dispose](): void {
    this.queue.close();
    this.memory.close();
  }
}

Deno.test("SendQueue posts a turn's packets as one chain, whose last request is signaled", () => {
  using rig = new Rig();
  const slots = rig.append(3);
  assertEquals(rig.verbs.posts.length, 0);
  rig.queue.flush();
  const [chain] = rig.verbs.posts;
  assertEquals(chain!.map(({ id }) => id), slots);
  assertEquals(chain!.map(({ request }) => request.getInt32(32, true)), [
    0,
    0,
    2,
  ]);
  rig.check();
  rig.queue.flush();
  assertEquals(rig.verbs.posts.length, 1);
});

Deno.test("SendQueue completes the work request", () => {
  using rig = new Rig();
  const [slot] = rig.append(1);
  rig.queue.flush();
  const { request, element } = rig.verbs.posts[0]![0]!;
  assertEquals(request.getInt32(28, true), 2, "opcode SEND");
  assertEquals(request.getInt32(24, true), 1, "one element");
  assertEquals(request.getBigUint64(40, true), 0x55_1122_3344n, "handle");
  assertEquals(request.getUint32(48, true), 0x48, "QPN");
  assertEquals(request.getUint32(52, true), 0xb1b, "Q_Key");
  const { layout, vnetAddress } = rig.memory;
  assertEquals(
    element.getBigUint64(0, true),
    vnetAddress[slot!]! + BigInt(layout.encap - layout.vnet),
    "the message begins with the IPoIB header",
  );
  assertEquals(element.getUint32(8, true), 104);
  assertEquals(element.getUint32(12, true), LKEY);
});

Deno.test("the IPoIB header is directly before the packet, over the tail of the Ethernet header", () => {
  using rig = new Rig();
  const { encap, vnet, ethernet, payload } = rig.memory.layout;
  assertEquals([encap, ethernet, vnet].map((at) => payload - at), [4, 14, 26]);
  assertEquals(payload % 4, 0);
  assert(rig.memory.frameCapacity >= payload - vnet + 4092);
});

Deno.test("SendQueue signals every sixteenth request", () => {
  using rig = new Rig();
  rig.append(40);
  rig.queue.flush();
  const signaled = rig.verbs.posts[0]!.flatMap(({ request }, i) =>
    request.getInt32(32, true) === 2 ? [i] : []
  );
  assertEquals(signaled, [15, 31, 39]);
});

Deno.test("a completion covers all packets before it", () => {
  using rig = new Rig();
  const slots = rig.append(40);
  rig.queue.flush();
  rig.cq.waiting.push({ id: slots[15]! });
  rig.queue.poll();
  assertEquals(rig.queue.outstanding, 24);
  rig.check();
  rig.cq.waiting.push({ id: slots[31]! }, { id: slots[39]! });
  rig.queue.poll();
  assertEquals(rig.queue.outstanding, 0);
  assert(!rig.queue.failed);
  rig.check();
});

Deno.test("a completion does not free packets that are not posted yet", () => {
  using rig = new Rig();
  const [first] = rig.append(1);
  rig.queue.flush();
  rig.append(2);
  rig.cq.waiting.push({ id: first! });
  rig.queue.poll();
  assertEquals(rig.queue.outstanding, 2);
  rig.queue.flush();
  assertEquals(rig.verbs.posts[1]!.length, 2);
  rig.check();
});

Deno.test("a failed completion requires a recovery, which frees all slots", () => {
  using rig = new Rig();
  const slots = rig.append(5);
  rig.queue.flush();
  rig.append(2);
  rig.cq.waiting.push({ id: slots[0]!, status: 5 });
  rig.queue.poll();
  assert(rig.queue.failed);
  assertEquals(rig.counters.get("send_errors"), 1);
  rig.queue.abandon();
  assertEquals(rig.queue.outstanding, 0);
  assertEquals(rig.counters.get("posted"), 5);
  assertEquals(rig.counters.get("completed"), 1);
  assertEquals(rig.counters.get("abandoned"), 4);
  assert(!rig.queue.failed);
  rig.check();
});

Deno.test("requests that the device does not accept are freed and counted", () => {
  using rig = new Rig();
  rig.verbs.accepts = 2;
  rig.append(5);
  rig.queue.flush();
  assertEquals(rig.queue.outstanding, 2);
  assertEquals(rig.counters.get("post_failed"), 3);
  assert(rig.queue.failed);
  rig.check();
});

Deno.test("reserve() fails without free slots, and collects completions", () => {
  using rig = new Rig();
  const slots = rig.append(SEND_SLOTS);
  rig.queue.flush();
  rig.memory.collect = () => rig.queue.poll();
  assertEquals(rig.memory.reserve(), -1);
  assert(rig.memory.starved);
  rig.cq.waiting.push({ id: slots.at(-1)! });
  assert(rig.memory.reserve() >= 0);
  assertEquals(freeSlots(rig.memory), SEND_SLOTS - 1);
});
