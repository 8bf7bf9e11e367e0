import { assert, assertEquals } from "@std/assert";
import { SEND_SLOTS } from "../../../src/hca/verbs/send_memory.ts";
import { LKEY } from "./fake_verbs.ts";
import { freeSlots } from "./free_slots.ts";
import { appendTo, SendQueueRig } from "./send_queue_rig.ts";

Deno.test("SendQueue posts a turn's packets as one chain, whose last request is signaled", () => {
  using rig = new SendQueueRig();
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
  rig.check(rig.queue.outstanding);
  rig.queue.flush();
  assertEquals(rig.verbs.posts.length, 1);
});

Deno.test("SendQueue completes the work request", () => {
  using rig = new SendQueueRig();
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
  using rig = new SendQueueRig();
  const { encap, vnet, ethernet, payload } = rig.memory.layout;
  assertEquals([encap, ethernet, vnet].map((at) => payload - at), [4, 14, 26]);
  assertEquals(payload % 4, 0);
  assert(rig.memory.frameCapacity >= payload - vnet + 4092);
});

Deno.test("SendQueue signals every sixteenth request", () => {
  using rig = new SendQueueRig();
  rig.append(40);
  rig.queue.flush();
  const signaled = rig.verbs.posts[0]!.flatMap(({ request }, i) =>
    request.getInt32(32, true) === 2 ? [i] : []
  );
  assertEquals(signaled, [15, 31, 39]);
});

Deno.test("a completion covers all packets before it", () => {
  using rig = new SendQueueRig();
  const slots = rig.append(40);
  rig.queue.flush();
  rig.cq.waiting.push({ id: slots[15]! });
  rig.completions.poll();
  assertEquals(rig.queue.outstanding, 24);
  rig.check(rig.queue.outstanding);
  rig.cq.waiting.push({ id: slots[31]! }, { id: slots[39]! });
  rig.completions.poll();
  assertEquals(rig.queue.outstanding, 0);
  assert(!rig.queue.failed);
  rig.check(rig.queue.outstanding);
});

Deno.test("a completion does not free packets that are not posted yet", () => {
  using rig = new SendQueueRig();
  const [first] = rig.append(1);
  rig.queue.flush();
  rig.append(2);
  rig.cq.waiting.push({ id: first! });
  rig.completions.poll();
  assertEquals(rig.queue.outstanding, 2);
  rig.queue.flush();
  assertEquals(rig.verbs.posts[1]!.length, 2);
  rig.check(rig.queue.outstanding);
});

Deno.test("a failed completion requires a recovery, which frees all slots", () => {
  using rig = new SendQueueRig();
  const slots = rig.append(5);
  rig.queue.flush();
  rig.append(2);
  rig.cq.waiting.push({ id: slots[0]!, status: 5 });
  rig.completions.poll();
  assert(rig.queue.failed);
  assertEquals(rig.counters.get("send_errors"), 1);
  rig.queue.abandon();
  assertEquals(rig.queue.outstanding, 0);
  assertEquals(rig.counters.get("posted"), 5);
  assertEquals(rig.counters.get("completed"), 1);
  assertEquals(rig.counters.get("abandoned"), 4);
  assert(!rig.queue.failed);
  rig.check(rig.queue.outstanding);
});

Deno.test("requests that the device does not accept are freed and counted", () => {
  using rig = new SendQueueRig();
  rig.verbs.accepts = 2;
  rig.append(5);
  rig.queue.flush();
  assertEquals(rig.queue.outstanding, 2);
  assertEquals(rig.counters.get("post_failed"), 3);
  assert(rig.queue.failed);
  rig.check(rig.queue.outstanding);
});

Deno.test("reserve() fails without free slots, and collects completions", () => {
  using rig = new SendQueueRig();
  const slots = rig.append(SEND_SLOTS);
  rig.queue.flush();
  rig.memory.collect = () => rig.completions.poll();
  assertEquals(rig.memory.reserve(), -1);
  assert(rig.memory.starved);
  rig.cq.waiting.push({ id: slots.at(-1)! });
  assert(rig.memory.reserve() >= 0);
  assertEquals(freeSlots(rig.memory), SEND_SLOTS - 1);
});

Deno.test("queues that share completions get their own, and those of a closed queue are ignored", () => {
  using rig = new SendQueueRig();
  const other = rig.connect(4);
  assertEquals([rig.queue.tag, other.tag], [0, 1]);
  const slots = [0, 1, 2, 3].map(() => rig.memory.reserve());
  for (const slot of slots) appendTo(other, slot, 65_520);
  other.flush();
  const [first] = rig.verbs.posts[0]!;
  assertEquals(first!.request.getUint32(4, true), 1, "high word of the ID");
  assertEquals(first!.element.getUint32(8, true), 65_524);
  const [own] = rig.append(1);
  rig.queue.flush();
  rig.cq.waiting.push({ id: slots[1]!, tag: 1 }, { id: own! });
  rig.completions.poll();
  assertEquals([other.outstanding, rig.queue.outstanding], [2, 0]);
  assertEquals(rig.completions.outstanding, 2);
  other.close();
  assertEquals(freeSlots(rig.memory), SEND_SLOTS);
  const next = rig.connect(4);
  assertEquals(next.tag, 1 << 16 | 1);
  const slot = rig.memory.reserve();
  appendTo(next, slot, 10);
  next.flush();
  rig.cq.waiting.push({ id: slots[2]!, tag: 1 });
  rig.completions.poll();
  assertEquals(next.outstanding, 1);
  next.close();
  assertEquals(freeSlots(rig.memory), SEND_SLOTS);
});

Deno.test("a queue reports its first failure once, with the status", () => {
  using rig = new SendQueueRig();
  let failures = 0;
  rig.queue.onFailed = () => failures++;
  const slots = rig.append(3);
  rig.queue.flush();
  rig.append(2);
  for (const [i, status] of [12, 5, 5].entries()) {
    rig.cq.waiting.push({ id: slots[i]!, status });
  }
  rig.completions.poll();
  assertEquals([failures, rig.queue.failure], [1, 12]);
  assertEquals(rig.queue.outstanding, 2);
  rig.queue.dropUnposted();
  assertEquals(rig.queue.outstanding, 0);
  assertEquals(rig.counters.get("xmit_not_ready"), 2);
  rig.check(rig.queue.outstanding);
});
