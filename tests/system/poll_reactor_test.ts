import { assert, assertEquals, assertThrows } from "@std/assert";
import { libc } from "../../ffi/libc.ts";
import { FakeClock } from "../../src/base/clock.ts";
import { IpoibError } from "../../src/base/errors.ts";
import { createEventFd, drain, ring } from "../../src/system/event_fd.ts";
import { PollReactor } from "../../src/system/poll_reactor.ts";

for (const fast of [false, true]) {
  const kind = fast ? "fast" : "slow";

  Deno.test(`a ${kind} watch is called while its descriptor is readable`, () => {
    const reactor = new PollReactor();
    using bell = createEventFd();
    let calls = 0;
    const watch = reactor.watch(bell.number, () => calls++, { fast });
    reactor.turn(0);
    assertEquals(calls, 0);
    ring(bell.number);
    reactor.turn(0);
    reactor.turn(0);
    assertEquals(calls, 2, "level-triggered");
    drain(bell.number);
    reactor.turn(0);
    assertEquals(calls, 2);
    watch.close();
    ring(bell.number);
    reactor.turn(0);
    assertEquals(calls, 2);
    watch.close();
    watch.enable(true);
    reactor.turn(0);
    assertEquals(calls, 2);
  });

  Deno.test(`a ${kind} watch can be disabled and enabled`, () => {
    const reactor = new PollReactor();
    using bell = createEventFd();
    let calls = 0;
    const watch = reactor.watch(bell.number, () => calls++, { fast });
    ring(bell.number);
    watch.enable(false);
    watch.enable(false);
    reactor.turn(0);
    assertEquals(calls, 0);
    watch.enable(true);
    watch.enable(true);
    reactor.turn(0);
    assertEquals(calls, 1);
    watch.enable(false);
    watch.close();
  });

  Deno.test(`a ${kind} watch is not called after another watch has disabled or closed it`, () => {
    for (const action of ["disable", "close"] as const) {
      const reactor = new PollReactor();
      using left = createEventFd();
      using right = createEventFd();
      const called: string[] = [];
      const silence = (watch: typeof first) =>
        action === "disable" ? watch.enable(false) : watch.close();
      const first = reactor.watch(left.number, () => {
        called.push("first");
        silence(second);
      }, { fast });
      const second = reactor.watch(right.number, () => {
        called.push("second");
        silence(first);
      }, { fast });
      ring(left.number);
      ring(right.number);
      reactor.turn(0);
      reactor.turn(0);
      assertEquals(new Set(called).size, 1, called.join());
    }
  });

  Deno.test(`a ${kind} watch is called at a hang-up`, () => {
    const reactor = new PollReactor();
    const pair = new Uint8Array(8);
    assertEquals(socketPair(pair), 0);
    const [left, right] = new Int32Array(pair.buffer);
    let calls = 0;
    const watch = reactor.watch(left!, () => calls++, { fast });
    closeFd(right!);
    reactor.turn(0);
    assertEquals(calls, 1);
    watch.close();
    closeFd(left!);
  });
}

Deno.test("more watches than one call of epoll_wait returns are all called, fast and slow ones alike", () => {
  const reactor = new PollReactor();
  const bells = Array.from({ length: 250 }, createEventFd);
  const calls = new Set<number>();
  const watches = bells.map((bell, i) => {
    const fast = i % 2 === 0;
    return reactor.watch(bell.number, () => calls.add(i), { fast });
  });
  for (const bell of bells) ring(bell.number);
  // They stay ready: the kernel returns those first that it has not returned for longest.
  for (let i = 0; i < 8; i++) reactor.turn(0);
  assertEquals(calls.size, 250);
  for (const watch of watches) watch.close();
  for (const bell of bells) bell.close();
});

Deno.test("a watch of a descriptor that cannot be polled is refused with E_WATCH", () => {
  const reactor = new PollReactor();
  const bell = createEventFd();
  const fd = bell.number;
  bell.close();
  const watch = () => reactor.watch(fd, () => {}, { fast: true });
  assertEquals(assertThrows(watch, IpoibError).code, "E_WATCH");
});

Deno.test("a watch that is disabled ends no further waits, even at a hang-up", () => {
  const reactor = new PollReactor();
  const pair = new Uint8Array(8);
  assertEquals(socketPair(pair), 0);
  const [left, right] = new Int32Array(pair.buffer);
  let calls = 0;
  const watch = reactor.watch(left!, () => calls++, { fast: true });
  closeFd(right!);
  watch.enable(false);
  // The first wait may end at once.
  reactor.turn(0);
  const started = performance.now();
  reactor.turn(30);
  assert(performance.now() - started > 20);
  assertEquals(calls, 0);
  watch.enable(true);
  reactor.turn(0);
  assertEquals(calls, 1);
  watch.close();
  closeFd(left!);
});

for (const wait of [0.4, 5, 12.5]) {
  Deno.test(`a timer of ${wait} ms is called at its deadline, not before`, () => {
    const reactor = new PollReactor();
    const due = reactor.clock.now() + wait;
    let at = 0;
    reactor.timer((now) => at = now).at(due);
    for (let i = 0; i < 1000 && at === 0; i++) reactor.turn(-1);
    assert(at >= due);
  });
}

Deno.test("a timer is called once when it is due", () => {
  const clock = new FakeClock(100);
  const reactor = new PollReactor(clock);
  const calls: string[] = [];
  const first = reactor.timer((now) => calls.push(`first ${now}`));
  const second = reactor.timer((now) => calls.push(`second ${now}`));
  reactor.turn(0);
  first.at(150);
  second.at(120);
  reactor.turn(0);
  assertEquals(calls, []);
  clock.advance(20);
  reactor.turn(0);
  assertEquals(calls.splice(0), ["second 120"]);
  clock.advance(1000);
  reactor.turn(0);
  reactor.turn(0);
  assertEquals(calls.splice(0), ["first 1120"]);
  second.at(1200);
  second.at(1300);
  clock.advance(100);
  reactor.turn(0);
  assertEquals(calls, [], "a deadline can be moved");
  second.close();
  clock.advance(1000);
  reactor.turn(0);
  assertEquals(calls, []);
});

Deno.test("a timer that sets itself again runs once per turn", () => {
  const clock = new FakeClock();
  const reactor = new PollReactor(clock);
  let calls = 0;
  const timer = reactor.timer((now) => {
    calls++;
    timer.at(now);
  });
  timer.at(0);
  reactor.turn(0);
  reactor.turn(0);
  assertEquals(calls, 2);
});

Deno.test("a timer may close itself and another timer without affecting the others", () => {
  const clock = new FakeClock();
  const reactor = new PollReactor(clock);
  const calls: string[] = [];
  const first = reactor.timer(() => {
    calls.push("first");
    first.close();
    second.close();
  });
  const second = reactor.timer(() => calls.push("second"));
  const third = reactor.timer(() => calls.push("third"));
  first.at(0);
  second.at(0);
  third.at(0);
  reactor.turn(0);
  reactor.turn(0);
  assertEquals(calls, ["first", "third"]);
});

Deno.test("a timer ends a wait without limit", () => {
  const reactor = new PollReactor();
  let due = false;
  reactor.timer(() => due = true).at(reactor.clock.now() + 10);
  for (let i = 0; i < 20 && !due; i++) reactor.turn(-1);
  assert(due);
});

Deno.test("a sleeper with work prevents the wait, and turn-end hooks run last", () => {
  const reactor = new PollReactor();
  const order: string[] = [];
  let work = true;
  reactor.addSleeper({
    beforeSleep: () => {
      order.push("before");
      return work;
    },
    afterSleep: () => {
      order.push("after");
      work = false;
    },
  });
  using bell = createEventFd();
  reactor.watch(bell.number, () => {
    order.push("watch");
    drain(bell.number);
  }, { fast: true });
  reactor.onTurnEnd(() => order.push("end"));
  ring(bell.number);
  reactor.turn(60000);
  assertEquals(order.splice(0), ["before", "after", "watch", "end"]);
  reactor.turn(0);
  assertEquals(order, ["before", "after", "end"]);
});

Deno.test("run() runs the event loop after yieldToEvents(), and ends after stop()", async () => {
  const reactor = new PollReactor();
  using bell = createEventFd();
  let messages = 0;
  setTimeout(() => {
    messages++;
    reactor.stop();
  }, 0);
  reactor.watch(bell.number, () => {
    drain(bell.number);
    reactor.yieldToEvents();
  });
  ring(bell.number);
  await reactor.run();
  assertEquals(messages, 1);
});

function socketPair(into: Uint8Array<ArrayBuffer>): number {
  return libc().socketpair(1, 1, 0, into);
}

function closeFd(fd: number): void {
  libc().close(fd);
}
