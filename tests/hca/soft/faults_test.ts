import { assertEquals, assertNotEquals } from "@std/assert";
import { PostResult } from "../../../src/hca/post_result.ts";
import { FaultInjector, OVERTAKE_MS } from "../../../src/hca/soft/faults.ts";
import { FaultDecisions } from "../../../src/hca/soft/fault_decisions.ts";
import { PortCounters } from "../../../src/hca/soft/port_counters.ts";
import { PAYLOAD, STRIDE } from "../../../src/hca/soft/slot_layout.ts";
import type { FaultRule } from "../../../src/subnet/fault_messages.ts";
import { FakeReactor } from "../../../src/system/fake_reactor.ts";

const A = "0x0200000000000001";
const B = "0x0200000000000002";
const C = "0x0200000000000003";
const SLOTS = 16;

interface Link {
  guid: string;
  open: boolean;
}

/** A fake send memory. */
class Pool {
  readonly slots = SLOTS;
  readonly bytes = new Uint8Array(SLOTS * STRIDE);
  readonly used = new Set<number>();

  reserve(): number {
    for (let slot = 0; slot < SLOTS; slot++) {
      if (this.used.has(slot)) continue;
      this.used.add(slot);
      return slot;
    }
    return -1;
  }

  unref(slot: number): void {
    this.used.delete(slot);
  }
}

/** An injector in front of links that return every slot at once. */
class Rig {
  readonly reactor = new FakeReactor();
  readonly pool = new Pool();
  readonly counted = new PortCounters();
  /** Receiver, first byte of the payload and time of each packet sent. */
  readonly sent: [string, number, number][] = [];
  refuses = false;
  drained = 0;
  readonly faults = new FaultInjector<Link>(
    this.reactor,
    this.pool,
    this.counted,
    {
      push: (link, slot) => {
        if (this.refuses) return PostResult.NoCredit;
        const mark = this.pool.bytes[slot * STRIDE + PAYLOAD]!;
        this.sent.push([link.guid, mark, this.reactor.clock.now()]);
        this.pool.unref(slot);
        return PostResult.Sent;
      },
      drained: () => this.drained++,
    },
  );
  readonly #links = new Map<string, Link>();
  #since = 0;

  set(rule: Omit<FaultRule, "since">): void {
    const since = ++this.#since;
    this.faults.configure(
      { version: since, rules: [{ ...rule, since }] },
      A,
    );
  }

  link(guid: string): Link {
    const link = this.#links.get(guid) ?? { guid, open: true };
    this.#links.set(guid, link);
    return link;
  }

  send(
    mark: number,
    to = B,
    options: { multicast?: boolean; length?: number } = {},
  ): PostResult {
    const slot = this.pool.reserve();
    this.pool.bytes[slot * STRIDE + PAYLOAD] = mark;
    const { length = 100, multicast = false } = options;
    return this.faults.push(this.link(to), slot, length, multicast);
  }

  get marks(): number[] {
    return this.sent.map(([, mark]) => mark);
  }
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

function drops(
  seed: number,
  from: string,
  to: string,
  multicast = false,
): number[] {
  const decisions = new FaultDecisions(
    { seed, since: 1, drop: 20 },
    from,
    to,
    multicast,
  );
  return numbers(100).filter(() => {
    decisions.next();
    return decisions.drop;
  });
}

Deno.test("FaultDecisions: seed 7 with drop 20 always drops the same packets", () => {
  assertEquals(
    drops(7, A, B),
    [1, 10, 34, 37, 39, 40, 45, 68, 69, 73, 81, 91, 93, 96, 98, 99],
  );
});

Deno.test("FaultDecisions: another seed, direction, receiver or cast type affects other packets", () => {
  const base = drops(7, A, B);
  assertNotEquals(drops(8, A, B), base);
  assertNotEquals(drops(7, B, A), base);
  assertNotEquals(drops(7, A, C), base);
  assertNotEquals(drops(7, A, B, true), base);
});

Deno.test("FaultDecisions: the shares match the rule, and the draws are independent", () => {
  const rule = { since: 1, seed: 1, drop: 10, duplicate: 30, reorder: 50 };
  const decisions = new FaultDecisions(
    { ...rule, delay: 5, jitter: 2 },
    A,
    B,
    false,
  );
  const count = 100_000;
  const seen = { drop: 0, duplicate: 0, reorder: 0, both: 0, early: 0 };
  for (let i = 0; i < count; i++) {
    decisions.next();
    if (decisions.drop) seen.drop++;
    if (decisions.duplicate) seen.duplicate++;
    if (decisions.reorder) seen.reorder++;
    if (decisions.duplicate && decisions.reorder) seen.both++;
    if (decisions.delay < 5) seen.early++;
    assertEquals(decisions.delay >= 3 && decisions.delay < 7, true);
  }
  const near = (n: number, share: number) =>
    assertEquals(Math.abs(n / count - share) < 0.01, true, `${n}: ${share}`);
  near(seen.drop, 0.1);
  near(seen.duplicate, 0.3);
  near(seen.reorder, 0.5);
  near(seen.both, 0.15);
  near(seen.early, 0.5);
});

Deno.test("FaultInjector is off until it has a rule for its port", () => {
  const { faults } = new Rig();
  assertEquals(faults.on, false);
  const rule = { port: B, since: 1, seed: 1, drop: 100 };
  faults.configure({ version: 1, rules: [rule] }, A);
  assertEquals(faults.on, false);
  faults.configure({ version: 2, rules: [rule] }, B);
  assertEquals(faults.on, true);
  faults.configure({ version: 3, rules: [] }, B);
  assertEquals(faults.on, false);
});

Deno.test("FaultInjector: a rule for the port overrides the general rule", () => {
  const rig = new Rig();
  rig.faults.configure({
    version: 2,
    rules: [
      { since: 1, seed: 1, drop: 100 },
      { port: A, since: 2, seed: 1, drop: 0 },
    ],
  }, A);
  rig.send(1);
  assertEquals(rig.marks, [1]);
});

Deno.test("FaultInjector drops the packets that FaultDecisions selects, independently of other links", () => {
  const rig = new Rig();
  rig.set({ seed: 7, drop: 20 });
  for (const i of numbers(100)) {
    assertEquals(rig.send(i), PostResult.Sent);
    if (i % 3 === 0) rig.send(i, C);
    if (i % 5 === 0) rig.send(i, B, { multicast: true });
    rig.reactor.advance(i % 7);
  }
  const lost = new Set(drops(7, A, B));
  const ofMulticast = new Set(drops(7, A, B, true));
  const toB = rig.sent.filter(([to]) => to === B).map(([, mark]) => mark);
  const expected = numbers(100).flatMap((i) => [
    ...(lost.has(i) ? [] : [i]),
    ...(i % 5 === 0 && !ofMulticast.has(i / 5) ? [i] : []),
  ]);
  assertEquals(toB, expected);
  assertEquals(rig.counted.get("fault_drop"), 154 - rig.sent.length);
  assertEquals(rig.pool.used.size, 0);
});

Deno.test("FaultInjector keeps its packet counts with an unchanged rule and restarts them with a new one", () => {
  const lost = drops(7, A, B);
  const rig = new Rig();
  const rule = { seed: 7, drop: 20, since: 1 };
  rig.faults.configure({ version: 1, rules: [rule] }, A);
  for (const i of numbers(50)) rig.send(i);
  // Another port's rule changes.
  const other = { port: C, seed: 1, since: 2 };
  rig.faults.configure({ version: 2, rules: [rule, other] }, A);
  for (const i of numbers(50)) rig.send(50 + i);
  assertEquals(rig.marks, numbers(100).filter((i) => !lost.includes(i)));
  rig.sent.length = 0;
  const again = { ...rule, since: 3 };
  rig.faults.configure({ version: 3, rules: [again, other] }, A);
  for (const i of numbers(100)) rig.send(i);
  assertEquals(rig.marks, numbers(100).filter((i) => !lost.includes(i)));
});

Deno.test("FaultInjector delays by the given time and keeps the order", () => {
  const rig = new Rig();
  rig.set({ seed: 1, delay: 10 });
  for (const i of numbers(5)) {
    rig.send(i);
    rig.reactor.advance(1);
  }
  assertEquals(rig.sent, []);
  rig.reactor.advance(100);
  assertEquals(rig.sent, numbers(5).map((i) => [B, i, 10 + i]));
  assertEquals(rig.counted.get("fault_delay"), 5);
  assertEquals(rig.drained, 5);
  assertEquals(rig.pool.used.size, 0);
});

Deno.test("FaultInjector: jitter spreads packets around the delay", () => {
  const rig = new Rig();
  rig.set({ seed: 1, delay: 10, jitter: 10 });
  for (const i of numbers(6)) rig.send(i);
  rig.reactor.advance(30);
  assertEquals(rig.sent.length, 6);
  assertEquals(new Set(rig.sent.map(([, , at]) => at)).size, 6);
  assertEquals(rig.sent.every(([, , at]) => at >= 0 && at <= 20), true);
  assertNotEquals(rig.marks, numbers(6));
});

Deno.test("FaultInjector copies a duplicate into a slot of its own", () => {
  const rig = new Rig();
  rig.set({ seed: 1, duplicate: 100 });
  rig.send(1);
  rig.send(2);
  assertEquals(rig.marks, [1, 1, 2, 2]);
  assertEquals(rig.counted.get("fault_duplicate"), 2);
  assertEquals(rig.pool.used.size, 0);
});

Deno.test("FaultInjector: without a slot for the duplicate, the packet itself is sent", () => {
  const rig = new Rig();
  rig.set({ seed: 1, duplicate: 100 });
  for (const i of numbers(SLOTS - 1)) {
    assertEquals(rig.pool.reserve(), i);
  }
  rig.send(1);
  assertEquals(rig.marks, [1]);
  assertEquals(rig.counted.get("fault_overflow"), 1);
});

Deno.test("FaultInjector: a reordered packet follows its successor", () => {
  const rig = new Rig();
  rig.set({ seed: 1, reorder: 100 });
  for (const i of numbers(6)) rig.send(i);
  assertEquals(rig.marks, [1, 0, 3, 2, 5, 4]);
  assertEquals(rig.counted.get("fault_reorder"), 3);
});

Deno.test("FaultInjector: a reordered packet without a successor is sent after OVERTAKE_MS", () => {
  const rig = new Rig();
  rig.set({ seed: 1, reorder: 100 });
  rig.send(1);
  rig.send(2, C);
  rig.reactor.advance(OVERTAKE_MS - 1);
  assertEquals(rig.sent, []);
  rig.reactor.advance(1);
  assertEquals(rig.sent, [[B, 1, OVERTAKE_MS], [C, 2, OVERTAKE_MS]]);
});

Deno.test("FaultInjector: with a delay, a reordered packet follows its delayed successor", () => {
  const rig = new Rig();
  rig.set({ seed: 1, reorder: 100, delay: 5 });
  rig.send(0);
  rig.reactor.advance(1);
  rig.send(1);
  rig.reactor.advance(100);
  assertEquals(rig.sent, [[B, 1, 6], [B, 0, 6]]);
});

Deno.test("FaultInjector: the rate applies to each link", () => {
  const rig = new Rig();
  rig.set({ seed: 1, rate: 1 });
  // 1250 bytes, with the IPoIB header, take 10 ms at 1 Mb/s.
  for (const i of numbers(4)) rig.send(i, B, { length: 1246 });
  rig.send(9, C, { length: 1246 });
  rig.reactor.advance(100);
  assertEquals(rig.sent, [
    [B, 0, 10],
    [C, 9, 10],
    [B, 1, 20],
    [B, 2, 30],
    [B, 3, 40],
  ]);
  assertEquals(rig.counted.get("fault_rate"), 5);
  // An idle link accumulates no credit.
  rig.send(5, B, { length: 1246 });
  rig.reactor.advance(100);
  assertEquals(rig.sent.at(-1), [B, 5, 110]);
});

Deno.test("FaultInjector: stored packets never occupy the whole pool, nor those of one link the whole store", () => {
  const rig = new Rig();
  rig.set({ seed: 1, delay: 1000 });
  for (const i of numbers(10)) rig.send(i);
  // Half of three quarters of 16.
  assertEquals(rig.pool.used.size, 6);
  assertEquals(rig.counted.get("fault_overflow"), 4);
  for (const i of numbers(10)) rig.send(i, C);
  assertEquals(rig.pool.used.size, 9);
  rig.reactor.advance(1000);
  assertEquals(rig.sent.length, 9);
  assertEquals(rig.pool.used.size, 0);
});

Deno.test("FaultInjector: stored packets of a closed or refusing link are dropped and counted", () => {
  const rig = new Rig();
  rig.set({ seed: 1, delay: 5 });
  rig.send(1);
  rig.send(2, C);
  rig.link(B).open = false;
  rig.refuses = true;
  rig.reactor.advance(5);
  assertEquals(rig.sent, []);
  assertEquals(rig.counted.get("xmit_unreachable"), 1);
  assertEquals(rig.counted.get("xmit_no_credit"), 1);
  assertEquals(rig.pool.used.size, 0);
});

Deno.test("FaultInjector: stored packets are sent after the faults are cleared", () => {
  const rig = new Rig();
  rig.set({ seed: 1, delay: 5 });
  rig.send(1);
  rig.faults.configure({ version: 9, rules: [] }, A);
  assertEquals(rig.faults.on, false);
  rig.reactor.advance(5);
  assertEquals(rig.marks, [1]);
});

Deno.test("FaultInjector: no packet is sent after close()", () => {
  const rig = new Rig();
  rig.set({ seed: 1, delay: 5 });
  rig.send(1);
  rig.faults.close();
  rig.reactor.advance(5);
  assertEquals(rig.sent, []);
  assertEquals(rig.reactor.armed, 0);
});
