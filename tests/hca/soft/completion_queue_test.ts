import { PendingList } from "../../../src/base/pending_list.ts";
import { assertEquals } from "@std/assert";
import {
  CompletionQueue,
  createSoftBatch,
} from "../../../src/hca/soft/completion_queue.ts";
import { RxFlag } from "../../../src/hca/rx_batch.ts";
import { SlotPool } from "../../../src/hca/soft/slot_pool.ts";
import { PAYLOAD, STRIDE, VNET } from "../../../src/hca/soft/slot_layout.ts";
import { Pair } from "./parts.ts";

function bench() {
  const pool = new SlotPool(8, 0, new PendingList());
  const pair = new Pair(pool);
  return {
    pool,
    pair,
    link: pair.in,
    [Symbol.dispose]() {
      pair[Symbol.dispose]();
      pool.close();
    },
  };
}

Deno.test("packets are polled in order, a batch at a time", () => {
  using parts = bench();
  const queue = new CompletionQueue(4);
  const batch = createSoftBatch(3);
  for (const slot of [5, 1, 3, 2]) {
    assertEquals(queue.push(parts.link, slot, slot * 10), true);
  }
  assertEquals(queue.push(parts.link, 0, 1), false);
  assertEquals([queue.poll(batch), batch.count, queue.count], [3, 3, 1]);
  assertEquals([...batch.length], [50, 10, 30]);
  assertEquals([...batch.payload], [5, 1, 3].map((s) => s * STRIDE + PAYLOAD));
  // The ring wraps.
  queue.push(parts.link, 6, 60);
  queue.push(parts.link, 7, 70);
  assertEquals(queue.poll(batch), 3);
  assertEquals([...batch.length], [20, 60, 70]);
  assertEquals([queue.poll(batch), batch.count], [0, 0]);
});

Deno.test("DATA_VALID in the virtio header sets ChecksumOk", () => {
  using parts = bench();
  const queue = new CompletionQueue(4);
  const batch = createSoftBatch(1);
  parts.pool.view.setUint8(2 * STRIDE + VNET, 2);
  queue.push(parts.link, 2, 100);
  queue.poll(batch);
  assertEquals(batch.flags[0], RxFlag.ChecksumOk);
  assertEquals(
    batch.vnetAddress[0],
    parts.link.vnetAddress[2],
  );
});

Deno.test("the packets of a purged link are skipped", () => {
  using ended = bench();
  using alive = bench();
  const queue = new CompletionQueue(8);
  const batch = createSoftBatch(8);
  queue.push(ended.link, 1, 10);
  queue.push(alive.link, 2, 20);
  queue.push(ended.link, 3, 30);
  queue.purge(ended.link);
  ended.link.close();
  assertEquals([queue.poll(batch), batch.length[0]], [1, 20]);
  assertEquals(queue.count, 0);
  // A release after the end of the link does not access the unmapped ring.
  ended.link.release(1);
  assertEquals(ended.link.dirty, false);
});
