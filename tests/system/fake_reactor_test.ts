import { assertEquals, assertThrows } from "@std/assert";
import { FakeReactor } from "../../src/system/fake_reactor.ts";

Deno.test("FakeReactor.advance() fires timers at their deadlines, in order", () => {
  const reactor = new FakeReactor();
  const fired: [string, number][] = [];
  const later = reactor.timer((now) => fired.push(["later", now]));
  const again = reactor.timer((now) => {
    fired.push(["again", now]);
    if (fired.length < 4) again.at(now + 10);
  });
  later.at(25);
  again.at(10);
  assertEquals([reactor.armed, reactor.deadline], [2, 10]);
  reactor.advance(9);
  assertEquals(fired, []);
  reactor.advance(100);
  assertEquals(fired, [["again", 10], ["again", 20], ["later", 25], [
    "again",
    30,
  ]]);
  assertEquals([reactor.clock.now(), reactor.deadline], [109, Infinity]);
  const closed = reactor.timer(() => fired.push(["closed", 0]));
  closed.at(110);
  closed.close();
  reactor.advance(10);
  assertEquals(fired.length, 4);
});

Deno.test("FakeReactor calls a watch only when it is triggered and enabled", () => {
  const reactor = new FakeReactor();
  let calls = 0;
  const watch = reactor.watch(7, () => calls++, { fast: true });
  assertEquals([watch.fd, watch.fast, watch.trigger(), calls], [
    7,
    true,
    true,
    1,
  ]);
  watch.enable(false);
  assertEquals(watch.trigger(), false);
  watch.enable(true);
  watch.close();
  assertEquals([watch.trigger(), calls], [false, 1]);
  assertEquals(reactor.watches, [watch]);
});

Deno.test("FakeReactor.settle() runs turns while a sleeper has work", () => {
  const reactor = new FakeReactor();
  let work = 3;
  let turns = 0;
  reactor.addSleeper({
    beforeSleep: () => work > 0,
    afterSleep: () => {
      if (work > 0) work--;
    },
  });
  reactor.onTurnEnd(() => turns++);
  reactor.settle();
  assertEquals([work, turns], [0, 4]);
});

Deno.test("FakeReactor.settle() throws if the loop is endless", () => {
  const reactor = new FakeReactor();
  const timer = reactor.timer((now) => timer.at(now));
  timer.at(0);
  assertThrows(() => reactor.settle(), Error, "does not settle");
});

Deno.test("FakeReactor runs until it is stopped", async () => {
  const reactor = new FakeReactor();
  const running = reactor.run();
  reactor.yieldToEvents();
  reactor.doorbells.open(5).ring();
  reactor.stop();
  await running;
  assertEquals([reactor.yields, reactor.rung], [1, [5]]);
});
