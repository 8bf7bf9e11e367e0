import { Fd } from "../../../src/system/fd.ts";
import { PendingList } from "../../../src/base/pending_list.ts";
import { assert, assertEquals } from "@std/assert";
import { libc } from "../../../ffi/libc.ts";
import { SlotPool } from "../../../src/hca/soft/slot_pool.ts";
import { PAYLOAD, STRIDE, VNET } from "../../../src/hca/soft/slot_layout.ts";
import type { LentSlots } from "../../../src/system/frames.ts";
import { Mapping, sealedSize } from "../../../src/system/memory.ts";

Deno.test("the slot returned last is used first", () => {
  const pool = new SlotPool(4, 0, new PendingList());
  assertEquals([0, 1, 2].map(() => pool.reserve()), [0, 1, 2]);
  pool.unreserve(1);
  pool.unreserve(0);
  assertEquals([pool.reserve(), pool.reserve()], [0, 1]);
  assertEquals(pool.free, 1);
  pool.close();
});

Deno.test("a slot is free after its last reference is dropped", () => {
  const pool = new SlotPool(2, 0, new PendingList());
  const slot = pool.reserve();
  pool.ref(slot);
  pool.ref(slot);
  pool.unref(slot);
  pool.unref(slot);
  assertEquals(pool.free, 1);
  pool.unref(slot);
  assertEquals(pool.free, 2);
  pool.close();
});

Deno.test("a pool without free slots collects once, then is starved", () => {
  const pool = new SlotPool(1, 0, new PendingList());
  let asked = 0;
  pool.collect = () => asked++;
  const slot = pool.reserve();
  assertEquals([asked, pool.starved], [0, false]);
  assertEquals([pool.reserve(), asked, pool.starved], [-1, 1, true]);
  pool.collect = () => pool.unref(slot);
  assertEquals(pool.reserve(), slot);
  pool.close();
});

Deno.test("a held pool hands out slots to urgent packets only", () => {
  const pool = new SlotPool(2, 0, new PendingList());
  pool.held = true;
  assertEquals([pool.reserve(), pool.starved], [-1, true]);
  assertEquals(pool.reserve(true), 0);
  pool.collect = () => pool.held = false;
  assertEquals(pool.reserve(), 1);
  pool.held = true;
  pool.collect = () => {};
  assertEquals(pool.reserve(true), -1);
  pool.close();
});

/** Opens the file of `fd` again for reading and writing, as any process that has the descriptor can. */
function reopened(fd: number): Fd {
  const path = new TextEncoder().encode(`/proc/self/fd/${fd}\0`);
  return new Fd(libc().open(path, 2, 0));
}

function canMapForWriting(fd: number): boolean {
  try {
    new Mapping(fd, 2 * STRIDE, "write").unmap();
    return true;
  } catch {
    return false;
  }
}

Deno.test("peers can read the memory but not map it for writing, write, truncate or seal it", () => {
  const pool = new SlotPool(2, 0, new PendingList());
  assertEquals(sealedSize(pool.memory), 2 * STRIDE);
  pool.bytes[STRIDE + PAYLOAD] = 0x5a;
  const reader = new Mapping(pool.memory, 2 * STRIDE, "read");
  assertEquals(reader.bytes[STRIDE + PAYLOAD], 0x5a);
  using again = reopened(pool.memory);
  for (const fd of [pool.memory, again.number]) {
    assertEquals(canMapForWriting(fd), false);
    assert(libc().write(fd, new Uint8Array(8), 8) < 0, "no write(2)");
    assert(libc().ftruncate(fd, 0n) < 0, "no truncation");
    assert(libc().fcntl(fd, 1033, 8n) < 0, "no further seal");
  }
  assertEquals(reader.bytes[STRIDE + PAYLOAD], 0x5a);
  // The port itself can write.
  pool.bytes[STRIDE + PAYLOAD] = 0xa5;
  assertEquals(reader.bytes[STRIDE + PAYLOAD], 0xa5);
  reader.unmap();
  pool.close();
});

Deno.test("renew() keeps packets in use and hides later writes from processes that have mapped the old memory", () => {
  const pool = new SlotPool(2, 0, new PendingList());
  const before = pool.vnetAddress[0];
  const slot = pool.reserve();
  pool.bytes[slot * STRIDE + PAYLOAD] = 0x11;
  const reader = new Mapping(pool.memory, 2 * STRIDE, "read");
  pool.renew();
  assertEquals(pool.bytes[slot * STRIDE + PAYLOAD], 0x11);
  assertEquals(pool.vnetAddress[0], before);
  pool.bytes[slot * STRIDE + PAYLOAD] = 0x22;
  assertEquals(reader.bytes[slot * STRIDE + PAYLOAD], 0x11);
  assertEquals(canMapForWriting(pool.memory), false);
  const later = new Mapping(pool.memory, 2 * STRIDE, "read");
  assertEquals(later.bytes[slot * STRIDE + PAYLOAD], 0x22);
  for (const mapping of [reader, later]) mapping.unmap();
  pool.close();
});

Deno.test("slots are a stride apart, and their frames are at the offsets of the layout", () => {
  const pool = new SlotPool(3, 0, new PendingList());
  const [first, second, third] = pool.vnetAddress;
  assertEquals(Number(second! - first!), STRIDE);
  assertEquals(Number(third! - second!), STRIDE);
  assertEquals(Number(first! % 4096n), VNET, "a mapping is page-aligned");
  const { encap, vnet, ethernet, payload } = pool.layout;
  assertEquals([ethernet - vnet, payload - ethernet], [12, 14]);
  assert(vnet >= encap + 4, "the IPoIB header and the frame do not overlap");
  assertEquals([payload % 4, STRIDE % 4], [0, 0]);
  assert(STRIDE >= vnet + pool.frameCapacity);
  pool.close();
});

/** A fake of the kernel's buffer group. */
class Posted implements LentSlots {
  readonly slots: number[] = [];

  get available(): number {
    return this.slots.length;
  }

  add(slot: number): void {
    this.slots.push(slot);
  }

  /** Removes the slot that the kernel fills next. */
  take(): number {
    return this.slots.shift()!;
  }
}

Deno.test("post() lends 32 slots to the kernel and keeps 32 for reserve()", () => {
  const pool = new SlotPool(80, 0, new PendingList());
  const group = new Posted();
  pool.lendTo(group);
  assertEquals([group.available, pool.free], [32, 80]);
  for (let i = 0; i < 30; i++) pool.takeLent(group.take());
  pool.post();
  assertEquals([group.available, pool.free], [18, 50]);
  for (let i = 0; i < 18; i++) pool.takeLent(group.take());
  pool.post();
  assertEquals([group.available, pool.free, pool.ready], [0, 32, false]);
  assertEquals(pool.starved, true, "no slot can be lent");
  assert(pool.reserve() >= 0, "the engine gets one of the kept slots");
  pool.close();
});

Deno.test("post() collects returned slots before it sets starved", () => {
  const pool = new SlotPool(64, 0, new PendingList());
  const group = new Posted();
  pool.lendTo(group);
  const out: number[] = [];
  while (group.available > 0) {
    const slot = group.take();
    pool.takeLent(slot);
    out.push(slot);
  }
  pool.collect = () => {
    for (const slot of out.splice(0)) pool.unref(slot);
  };
  pool.post();
  assertEquals([group.available, pool.starved, pool.ready], [32, false, true]);
  pool.close();
});

Deno.test("post() lends no slots while the pool is held", () => {
  const pool = new SlotPool(128, 0, new PendingList());
  const group = new Posted();
  pool.held = true;
  pool.lendTo(group);
  assertEquals([group.available, pool.starved], [0, true]);
  pool.held = false;
  pool.post();
  assertEquals(group.available, 32);
  pool.close();
});
