import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Timers } from "../../src/system/timers.ts";
import type { Timer } from "../../src/system/reactor.ts";

/** Timers with a name each, which log their calls. */
class Named {
  readonly timers = new Timers();
  readonly called: string[] = [];

  add(name: string, due: (now: number) => void = () => {}): Timer {
    return this.timers.add((now) => {
      this.called.push(name);
      due(now);
    });
  }

  /** Runs the timers, and returns the names of those that were called. */
  run(now: number): string[] {
    this.timers.run(now);
    return this.called.splice(0);
  }
}

Deno.test("timers that are due are called once, by deadline, then by order of creation", () => {
  const rig = new Named();
  const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => rig.add(name));
  c!.at(7);
  d!.at(5);
  b!.at(7);
  a!.at(8);
  assertEquals([rig.timers.armed, rig.timers.first], [4, 5]);
  assertEquals(rig.run(4.9), []);
  assertEquals(rig.run(7), ["d", "b", "c"]);
  assertEquals([rig.timers.armed, rig.timers.first], [1, 8]);
  assertEquals(rig.run(100), ["a"]);
  assertEquals([rig.timers.armed, rig.timers.first], [0, Infinity]);
  assertEquals(rig.run(200), []);
});

Deno.test("a deadline replaces the previous one, and Infinity and NaN unset a timer", () => {
  const rig = new Named();
  const [a, b] = [rig.add("a"), rig.add("b")];
  a.at(10);
  b.at(20);
  a.at(30);
  assertEquals([rig.timers.armed, rig.timers.first], [2, 20]);
  b.at(5);
  assertEquals(rig.timers.first, 5);
  b.at(Infinity);
  assertEquals([rig.timers.armed, rig.timers.first], [1, 30]);
  a.at(NaN);
  assertEquals([rig.timers.armed, rig.timers.first], [0, Infinity]);
  a.at(-Infinity);
  assertEquals(rig.run(-1), ["a"]);
});

Deno.test("a closed timer is not called and cannot be set", () => {
  const rig = new Named();
  const [a, b, c] = [rig.add("a"), rig.add("b"), rig.add("c")];
  for (const each of [a, b, c]) each.at(1);
  b.close();
  b.close();
  b.at(1);
  assertEquals([rig.timers.armed, rig.run(1)], [2, ["a", "c"]]);
});

Deno.test("a timer that another due timer closes or sets is not called in the same run", () => {
  const rig = new Named();
  const first = rig.add("first", () => {
    closed.close();
    unset.at(Infinity);
    later.at(9);
    again.at(1);
  });
  const closed = rig.add("closed");
  const unset = rig.add("unset");
  const later = rig.add("later");
  const again = rig.add("again");
  for (const each of [first, closed, unset, later, again]) each.at(1);
  assertEquals(rig.run(2), ["first"]);
  assertEquals(rig.timers.first, 1);
  assertEquals(rig.run(2), ["again"]);
  assertEquals(rig.run(9), ["later"]);
});

Deno.test("a timer that sets itself to a time that is due is called once per run", () => {
  const rig = new Named();
  const timer: Timer = rig.add("again", (now) => timer.at(now - 1));
  timer.at(0);
  assertEquals(rig.run(5), ["again"]);
  assertEquals(rig.run(5), ["again"]);
});

/** The same timers as a list that is searched. */
class Listed {
  readonly #all: { when: number; due: boolean; call: () => void }[] = [];

  add(due: (now: number) => void): Timer {
    const entry = { when: Infinity, due: false, call: () => due(this.#now) };
    this.#all.push(entry);
    const set = (when: number) => {
      entry.due = false;
      if (this.#all.includes(entry)) entry.when = when;
    };
    return {
      at: set,
      close: () => {
        set(Infinity);
        const at = this.#all.indexOf(entry);
        if (at >= 0) this.#all.splice(at, 1);
      },
    };
  }

  #now = 0;

  get armed(): number {
    return this.#all.filter(({ when }) => when < Infinity).length;
  }

  get first(): number {
    return Math.min(Infinity, ...this.#all.map(({ when }) => when));
  }

  run(now: number): void {
    this.#now = now;
    const due = this.#all.filter(({ when }) => when <= now)
      .sort((a, b) => a.when - b.when);
    for (const each of due) Object.assign(each, { when: Infinity, due: true });
    for (const each of due) {
      if (!each.due) continue;
      each.due = false;
      each.call();
    }
  }
}

/** An action on one of the timers; `which` is taken modulo their number, `after` is added to the time. */
const action = fc.record({
  what: fc.constantFrom("add", "set", "set", "set", "unset", "close"),
  which: fc.nat(),
  after: fc.integer({ min: -2, max: 12 }),
});
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

interface Script {
  /** The actions before each run, and the time that passes until it. */
  readonly turns: readonly { before: readonly Action[]; passes: number }[];
  /** The actions of each call of a timer, in the order of the calls. */
  readonly calls: readonly (readonly Action[])[];
}

/** Plays a script, and returns everything that is seen of the timers. */
function play(timers: Timers | Listed, { turns, calls }: Script): unknown[] {
  const seen: unknown[] = [];
  const all: Timer[] = [];
  let now = 0;
  let next = 0;
  const see = () => seen.push([timers.armed, timers.first]);
  const act = ({ what, which, after }: Action) => {
    const timer = all[which % all.length];
    if (what === "add" || timer === undefined) {
      const number = all.length;
      all.push(timers.add((at) => {
        seen.push(`${number} at ${at}`);
        calls[next++]?.forEach(act);
      }));
    } else if (what === "close") timer.close();
    else timer.at(what === "set" ? now + after : Infinity);
    see();
  };
  for (const { before, passes } of turns) {
    before.forEach(act);
    now += passes;
    timers.run(now);
    see();
  }
  return seen;
}

Deno.test("the timers do what a list that is searched does", () => {
  const actions = fc.array(action, { maxLength: 12 });
  const script = fc.record({
    turns: fc.array(fc.record({ before: actions, passes: fc.nat(6) }), {
      maxLength: 20,
    }),
    calls: fc.array(fc.array(action, { maxLength: 4 }), { maxLength: 20 }),
  });
  fc.assert(
    fc.property(
      script,
      (script) =>
        assertEquals(play(new Timers(), script), play(new Listed(), script)),
    ),
    { numRuns: 300 },
  );
});

Deno.test("thousands of timers are called in order", () => {
  const timers = new Timers();
  const called: number[] = [];
  const all = Array.from({ length: 3000 }, (_, i) => {
    const when = (i * 7919) % 3001;
    const timer = timers.add(() => called.push(when));
    timer.at(when);
    return timer;
  });
  for (let i = 0; i < all.length; i += 3) all[i]!.close();
  const left = all.flatMap((_, i) => i % 3 === 0 ? [] : [(i * 7919) % 3001]);
  timers.run(4000);
  assertEquals(called, left.sort((a, b) => a - b));
});
