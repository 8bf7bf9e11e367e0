import { assert, assertEquals } from "@std/assert";
import {
  SEND_SLOTS,
  VerbsSendMemory,
} from "../../../src/hca/verbs/send_memory.ts";
import type { LentSlots } from "../../../src/system/frames.ts";
import { FakeVerbs } from "./fake_verbs.ts";
import { freeSlots } from "./free_slots.ts";

/** A borrower of slots. */
class Group implements LentSlots {
  readonly has: number[] = [];
  onEmpty: () => void = () => {};
  get available(): number {
    return this.has.length;
  }
  add(buffer: number): void {
    this.has.push(buffer);
  }
  commit(): void {}
}

function open() {
  const memory = new VerbsSendMemory(new FakeVerbs().library, 0n, false);
  return { memory, group: new Group() };
}

Deno.test("VerbsSendMemory lends free slots and keeps the others for reservations", () => {
  const { memory, group } = open();
  memory.lendTo(group);
  assertEquals(group.available, 64);
  assertEquals(freeSlots(memory), SEND_SLOTS - 64);
  const reserved: number[] = [];
  for (let slot = memory.reserve(); slot >= 0; slot = memory.reserve()) {
    reserved.push(slot);
  }
  assertEquals(new Set([...reserved, ...group.has]).size, SEND_SLOTS);
  memory.close();
});

Deno.test("VerbsSendMemory lends free slots again after the kernel has used lent ones", () => {
  const { memory, group } = open();
  memory.lendTo(group);
  const taken = group.has.splice(0);
  for (const slot of taken) memory.takeLent(slot);
  assertEquals(freeSlots(memory), SEND_SLOTS - 64);
  memory.supply();
  assertEquals(group.available, 64);
  for (const slot of taken) memory.unreserve(slot);
  assertEquals(freeSlots(memory), SEND_SLOTS - 64);
  memory.close();
});

Deno.test("VerbsSendMemory is starved if no slot is lent and only those kept for the engine are free", () => {
  const { memory, group } = open();
  const held: number[] = [];
  for (let i = 0; i < SEND_SLOTS - 32; i++) held.push(memory.reserve());
  memory.lendTo(group);
  assertEquals(group.available, 0);
  assert(memory.starved);
  assert(!memory.ready);
  for (const slot of held.splice(0, 8)) memory.unreserve(slot);
  assert(memory.ready);
  memory.close();
});

Deno.test("VerbsSendMemory has the requests of its queue size, and at least 64 slots", () => {
  const { library } = new FakeVerbs();
  for (const [size, slots] of [[2, 64], [64, 64], [1024, 1024]] as const) {
    const memory = new VerbsSendMemory(library, 0n, false, size);
    assertEquals(memory.queueSize, size);
    assertEquals([memory.requests.free, freeSlots(memory)], [size, slots]);
    assertEquals(memory.vnetAddress.length, slots);
    memory.close();
  }
});
