import { PendingList } from "../../../src/base/pending_list.ts";
import { takeWakes } from "../../../src/system/unix_socket.ts";
import { assertEquals } from "@std/assert";
import {
  ALONE_PAUSE_MS,
  PAUSE_BUDGET_MS,
} from "../../../src/hca/soft/out_link.ts";
import { SlotPool } from "../../../src/hca/soft/slot_pool.ts";
import { Nak } from "../../../src/hca/soft/ring.ts";
import { Pair } from "./parts.ts";

/** Creates a pool and `count` links from it; checks at disposal that all slots are free. */
function links(slots: number, count: number) {
  const pool = new SlotPool(slots, 0, new PendingList());
  const pairs = Array.from({ length: count }, () => new Pair(pool));
  return {
    pool,
    pairs,
    [Symbol.dispose]() {
      for (const pair of pairs) pair[Symbol.dispose]();
      assertEquals(pool.free, pool.slots, "all slots are free");
      pool.close();
    },
  };
}

/** Sends until the peer has no credit; returns the number of packets sent. */
function fill(pair: Pair): number {
  let sent = 0;
  while (pair.out.hasCredit) {
    pair.send();
    sent++;
  }
  return sent;
}

Deno.test("one stopped peer holds at most half of the slots, two a third each", () => {
  using one = links(64, 1);
  assertEquals(fill(one.pairs[0]!), 32);
  using two = links(63, 2);
  const [a, b] = two.pairs as [Pair, Pair];
  // Alternately, as two streams would.
  while (a.out.hasCredit || b.out.hasCredit) {
    if (a.out.hasCredit) a.send();
    if (b.out.hasCredit) b.send();
  }
  assertEquals([a.out.held, b.out.held, two.pool.free], [21, 21, 21]);
});

Deno.test("a peer that holds no slot may get the last one", () => {
  using all = links(2, 2);
  const [a, b] = all.pairs as [Pair, Pair];
  assertEquals(a.send(), "sent");
  const slot = all.pool.reserve();
  assertEquals([all.pool.free, b.out.hasCredit], [0, true]);
  all.pool.unref(slot);
  assertEquals([a.out.hasCredit, b.out.hasCredit], [false, true]);
});

Deno.test("returned slots go to the pool and let waiting packets be sent", () => {
  using all = links(8, 1);
  const [pair] = all.pairs as [Pair];
  assertEquals(fill(pair), 4);
  assertEquals([pair.send(), pair.send()], ["waits", "waits"]);
  assertEquals([pair.out.waiting, pair.out.held, all.pool.free], [2, 4, 2]);
  pair.publish();
  pair.returnSlots(1);
  assertEquals(pair.out.returns, 1);
  assertEquals(pair.out.collect(1), true);
  // 3 held, 3 free: the share is still exhausted.
  assertEquals([pair.out.waiting, pair.out.held], [2, 3]);
  pair.returnSlots(2);
  pair.out.collect(2);
  assertEquals([pair.out.waiting, pair.out.held, all.pool.free], [0, 3, 5]);
  assertEquals(pair.out.dirty, true);
  pair.publish();
  assertEquals(pair.in.ring.waiting(), 3);
});

Deno.test("a pause is charged to a budget that refills by a quarter of the time between pauses", () => {
  using all = links(8, 2);
  const [pair] = all.pairs as [Pair];
  fill(pair);
  assertEquals(pair.send(100), "waits");
  assertEquals(pair.out.deadline, 100 + PAUSE_BUDGET_MS);
  // Slots are returned after 15 ms: 5 ms are left.
  pair.publish();
  pair.returnSlots(4);
  pair.out.collect(115);
  assertEquals([pair.out.waiting, pair.out.deadline], [0, Infinity]);
  fill(pair);
  assertEquals(pair.send(115), "waits");
  assertEquals(pair.out.deadline, 115 + 5);
  pair.publish();
  pair.returnSlots(4);
  pair.out.collect(120);
  fill(pair);
  assertEquals(pair.send(120), "refused", "the budget is spent");
  assertEquals(pair.send(121.9), "refused", "less than half a millisecond");
  assertEquals(pair.send(128), "waits");
  assertEquals(pair.out.deadline, 128 + 2);
  // A long time without a pause refills the budget up to its maximum.
  pair.publish();
  pair.returnSlots(4);
  pair.out.collect(129);
  fill(pair);
  assertEquals(pair.send(10_000), "waits");
  assertEquals(pair.out.deadline, 10_000 + PAUSE_BUDGET_MS);
});

Deno.test("returned slots refill the budget of the only peer", () => {
  using all = links(8, 1);
  const [pair] = all.pairs as [Pair];
  pair.out.setAlone(true);
  fill(pair);
  pair.send(0);
  for (let now = 200; now < 4000; now += 200) {
    pair.publish();
    pair.returnSlots(4);
    pair.out.collect(now);
    fill(pair);
    assertEquals(pair.send(now), "waits");
    assertEquals(pair.out.deadline, now + ALONE_PAUSE_MS);
  }
  pair.out.setAlone(false);
  assertEquals(pair.out.deadline, 3800 + PAUSE_BUDGET_MS);
});

Deno.test("packets to a stalled peer beyond its share are refused until it returns a slot", () => {
  using all = links(8, 2);
  const [pair] = all.pairs as [Pair];
  fill(pair);
  pair.send(0);
  pair.send(0);
  assertEquals(pair.out.stall(), 2);
  assertEquals([pair.out.stalled, pair.out.waiting], [true, 0]);
  assertEquals(all.pool.free, 4, "the slots of waiting packets are free again");
  assertEquals(pair.send(10_000), "refused");
  pair.publish();
  pair.returnSlots(1);
  assertEquals(pair.out.collect(10_000), true);
  assertEquals(pair.out.stalled, false);
  assertEquals(pair.send(10_000), "sent");
});

Deno.test("at most as many packets wait as the pool has slots", () => {
  using all = links(4, 1);
  const [pair] = all.pairs as [Pair];
  fill(pair);
  // A multicast packet waits on several links with one slot.
  const slot = all.pool.reserve();
  for (let i = 0; i < 4; i++) {
    all.pool.ref(slot);
    assertEquals(pair.out.wait(slot, 10, 0), 0);
  }
  all.pool.ref(slot);
  assertEquals(pair.out.wait(slot, 10, 0), 3);
  all.pool.unref(slot);
  assertEquals(pair.out.stall(), 4);
  all.pool.unref(slot);
});

Deno.test("close() frees all slots and returns the number of lost packets", () => {
  const pool = new SlotPool(8, 0, new PendingList());
  const pair = new Pair(pool);
  fill(pair);
  pair.send(0);
  assertEquals(pair.out.close(), 1);
  assertEquals([pool.free, pair.out.open, pair.out.held], [8, false, 0]);
  assertEquals([pair.out.close(), pair.out.returns], [0, 0]);
  pair.in.close();
  pair.in.close();
  pool.close();
});

const violations: Record<string, (pair: Pair) => void> = {
  "a slot that it does not hold": (pair) => pair.in.giveBack(7),
  "a slot twice": (pair) => {
    pair.in.ring.take();
    pair.in.giveBack(pair.in.ring.slot);
    pair.in.giveBack(pair.in.ring.slot);
  },
  "a slot that does not exist": (pair) => pair.in.giveBack(4000),
  "a negative slot": (pair) => pair.in.giveBack(-1),
  "a datagram with a NAK": (pair) => {
    pair.in.ring.take();
    pair.in.giveBack(pair.in.ring.slot, Nak.Refused);
  },
};
for (const [what, act] of Object.entries(violations)) {
  Deno.test(`collect() detects a peer that returns ${what}`, () => {
    using all = links(8, 1);
    const [pair] = all.pairs as [Pair];
    pair.send();
    pair.send();
    pair.publish();
    act(pair);
    pair.publishReturns();
    assertEquals(pair.out.collect(0), false);
  });
}

Deno.test("collect() detects an invalid head of the return ring", () => {
  using all = links(8, 1);
  const [pair] = all.pairs as [Pair];
  pair.send();
  pair.words[16] = 100_000;
  assertEquals(pair.out.returns !== 0, true);
  assertEquals(pair.out.collect(0), false);
});

Deno.test("wake() wakes a sleeping peer once", () => {
  using all = links(8, 1);
  const [pair] = all.pairs as [Pair];
  const { ofReceiver } = pair.exchangeBells();
  pair.out.wake();
  assertEquals(pair.reactor.rung, [], "the peer does not sleep");
  pair.in.ring.announceSleep(64);
  pair.out.wake();
  pair.out.wake();
  assertEquals(pair.reactor.rung, [ofReceiver]);
});

Deno.test("publishing wakes a peer once, and only if it sleeps", () => {
  using all = links(8, 1);
  const [pair] = all.pairs as [Pair];
  const { ofReceiver, ofSender } = pair.exchangeBells();
  pair.send();
  pair.publish();
  assertEquals(pair.reactor.rung, [], "the peer polls the ring");
  pair.in.ring.announceSleep(1);
  pair.publish();
  pair.publish();
  assertEquals(pair.reactor.rung, [ofReceiver]);
  pair.out.ring.announceWait(true);
  pair.returnSlots(1);
  assertEquals(pair.reactor.rung, [ofReceiver, ofSender]);
  pair.out.collect(0);
  pair.publishReturns();
  assertEquals(pair.reactor.rung.length, 2);
});

Deno.test("a peer without an eventfd, or with a parked link, is woken on the connection", () => {
  using all = links(8, 1);
  const [pair] = all.pairs as [Pair];
  const wakes = () => takeWakes(pair.connection.number, 9);
  pair.in.ring.announceSleep(1);
  pair.send();
  pair.publish();
  assertEquals(wakes(), 1);
  pair.exchangeBells();
  pair.in.ring.announceParked();
  pair.publish();
  pair.publish();
  assertEquals([wakes(), pair.reactor.rung.length], [1, 0]);
});
