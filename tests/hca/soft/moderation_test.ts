import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { PendingList } from "../../../src/base/pending_list.ts";
import {
  MAX_HELD_FRAMES,
  Moderator,
  Period,
} from "../../../src/hca/soft/moderation.ts";
import { FakeReactor } from "../../../src/system/fake_reactor.ts";

/** A fake queue pair whose completions are their arrival times in microseconds. */
class Qp {
  readonly period = new Period();
  dirty = false;
  readonly arrived: number[] = [];
  readonly completions: { readonly count: number };
  readonly events: { at: number; arrived: number[] }[] = [];
  onReceive = () => {};

  constructor(reactor: FakeReactor) {
    const { arrived } = this;
    this.completions = {
      get count() {
        return arrived.length;
      },
    };
    this.onReceive = () => {
      const at = reactor.clock.now();
      this.events.push({ at, arrived: arrived.splice(0) });
    };
  }
}

/** A moderator and its queue pairs on a fake reactor; times are in microseconds. */
class Bench {
  readonly reactor = new FakeReactor();
  readonly qps: Qp[] = [];
  readonly arrived = new PendingList<Qp>();
  readonly moderator: Moderator;
  counted = 0;

  constructor(qps = 1) {
    const { reactor } = this;
    for (let i = 0; i < qps; i++) this.qps.push(new Qp(reactor));
    this.moderator = new Moderator(
      reactor,
      this.qps,
      this.arrived,
      () => this.#take(),
      () => this.counted++,
    );
  }

  get qp(): Qp {
    return this.qps[0]!;
  }

  get now(): number {
    return Math.round(this.reactor.clock.now() * 1000);
  }

  advance(usecs: number): void {
    this.reactor.advance(usecs / 1000);
  }

  /** Adds packets while the reactor runs. */
  arrive(count = 1, qp = this.qp): void {
    for (let i = 0; i < count; i++) this.#add(qp);
    this.#take();
  }

  /** Adds a packet that wakes the reactor. */
  wake(): void {
    this.#add(this.qp);
    this.#take(true);
  }

  #add(qp: Qp): void {
    qp.arrived.push(this.now);
    this.arrived.add(qp);
  }

  #take(woken = false): void {
    this.moderator.deliver();
    if (this.moderator.active) this.moderator.settle(false, woken);
  }
}

Deno.test("without moderation each batch of completions raises an event at once", () => {
  const bench = new Bench();
  bench.arrive();
  bench.arrive(3);
  assertEquals(bench.qp.events.length, 2);
  assertEquals(bench.counted, 2);
  assertEquals([bench.moderator.active, bench.moderator.threshold], [false, 1]);
  assertEquals(bench.reactor.deadline, Infinity);
});

Deno.test("rx-usecs delays the event of a single completion by exactly that time", () => {
  const bench = new Bench();
  bench.moderator.set(bench.qp, { rxUsecs: 100, rxFrames: 0 });
  bench.advance(1000);
  bench.arrive();
  assertEquals(bench.moderator.threshold, MAX_HELD_FRAMES - 1);
  bench.advance(99);
  assertEquals(bench.qp.events, []);
  bench.advance(1.001);
  assertEquals(bench.qp.events.length, 1);
  // Idle again: the next packet rings the doorbell.
  assertEquals([bench.moderator.threshold, bench.reactor.deadline], [
    1,
    Infinity,
  ]);
});

Deno.test("rx-frames raises an event before the end of the period", () => {
  const bench = new Bench();
  bench.moderator.set(bench.qp, { rxUsecs: 1000, rxFrames: 4 });
  bench.arrive();
  assertEquals(bench.moderator.threshold, 3);
  bench.arrive(2);
  assertEquals([bench.qp.events.length, bench.moderator.threshold], [0, 1]);
  bench.arrive();
  assertEquals(bench.qp.events.map(({ arrived }) => arrived.length), [4]);
  assertEquals(bench.moderator.threshold, 4);
});

Deno.test("rx-frames is limited to MAX_HELD_FRAMES", () => {
  const bench = new Bench();
  bench.moderator.set(bench.qp, { rxUsecs: 65535, rxFrames: 65535 });
  bench.arrive(MAX_HELD_FRAMES - 1);
  assertEquals(bench.counted, 0);
  bench.arrive();
  assertEquals(bench.counted, 1);
});

Deno.test("rx-frames without rx-usecs has no effect", () => {
  const bench = new Bench();
  bench.moderator.set(bench.qp, { rxUsecs: 0, rxFrames: 32 });
  bench.arrive();
  assertEquals([bench.counted, bench.moderator.active], [1, false]);
});

Deno.test("a stream raises one event per period, and the last period ends with the stream", () => {
  const bench = new Bench();
  bench.moderator.set(bench.qp, { rxUsecs: 100, rxFrames: 0 });
  for (let i = 0; i < 100; i++) {
    bench.arrive();
    bench.advance(10);
  }
  // The second period begins with the first packet after the first period, each later one at the end of its
  // predecessor.
  const ends = bench.qp.events.map(({ at }) => Math.round(at * 1000));
  assertEquals(ends, [100, 210, 310, 410, 510, 610, 710, 810, 910]);
  bench.advance(300);
  assertEquals([bench.counted, bench.moderator.threshold], [10, 1]);
  assertEquals(bench.reactor.deadline, Infinity);
});

Deno.test("the wake-up time counts towards the period, and a shorter period has no effect", () => {
  const bench = new Bench();
  bench.moderator.set(bench.qp, { rxUsecs: 100, rxFrames: 0 });
  bench.wake();
  bench.advance(79);
  assertEquals(bench.counted, 0);
  bench.advance(1.001);
  assertEquals(bench.counted, 1);
  bench.advance(1000);
  bench.moderator.set(bench.qp, { rxUsecs: 16, rxFrames: 0 });
  bench.wake();
  assertEquals([bench.counted, bench.reactor.deadline], [2, Infinity]);
});

Deno.test("bursts further apart than a period each begin a period", () => {
  const bench = new Bench();
  bench.moderator.set(bench.qp, { rxUsecs: 100, rxFrames: 0 });
  for (let i = 0; i < 5; i++) {
    bench.arrive(3);
    bench.advance(100.001);
    assertEquals(bench.reactor.deadline, Infinity, "no timer is set");
    bench.advance(101);
  }
  assertEquals(bench.counted, 5);
});

Deno.test("disabling moderation, or removing the queue pair, ends its period", () => {
  const bench = new Bench(2);
  const [a, b] = bench.qps as [Qp, Qp];
  bench.moderator.set(a, { rxUsecs: 5000, rxFrames: 0 });
  bench.moderator.set(b, { rxUsecs: 9000, rxFrames: 0 });
  bench.arrive(2, a);
  bench.arrive(1, b);
  assertEquals(bench.reactor.deadline, 5);
  bench.moderator.set(a, { rxUsecs: 0, rxFrames: 0 });
  assertEquals(a.events.length, 1);
  assertEquals([bench.moderator.active, bench.reactor.deadline], [true, 9]);
  bench.qps.pop();
  bench.moderator.refresh();
  assertEquals([bench.moderator.active, bench.moderator.threshold], [false, 1]);
  assertEquals(bench.reactor.deadline, Infinity);
});

Deno.test("another queue pair of a running port gets its event at once", () => {
  const bench = new Bench(2);
  const [a, b] = bench.qps as [Qp, Qp];
  bench.moderator.set(a, { rxUsecs: 5000, rxFrames: 0 });
  bench.arrive(1, a);
  bench.arrive(1, b);
  assertEquals([a.events.length, b.events.length], [0, 1]);
});

Deno.test("no completion waits longer than the period, and none is lost", () => {
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 500 }),
    fc.integer({ min: 0, max: 80 }),
    fc.array(
      fc.record({
        pause: fc.integer({ min: 0, max: 300 }),
        count: fc.integer({ min: 1, max: 9 }),
      }),
      { maxLength: 60 },
    ),
    (rxUsecs, rxFrames, bursts) => {
      const bench = new Bench();
      bench.moderator.set(bench.qp, { rxUsecs, rxFrames });
      let sent = 0;
      for (const { pause, count } of bursts) {
        bench.advance(pause);
        bench.arrive(count);
        sent += count;
      }
      bench.advance(2000);
      let received = 0;
      for (const { at, arrived } of bench.qp.events) {
        received += arrived.length;
        for (const when of arrived) {
          assert(at * 1000 - when <= rxUsecs + 1, `${at * 1000} ${when}`);
        }
      }
      assertEquals(received, sent);
      assertEquals(bench.qp.events.length, bench.counted);
      assertEquals(bench.reactor.armed, 0);
    },
  ));
});
