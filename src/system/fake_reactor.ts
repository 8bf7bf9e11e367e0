/**
 * A loop without descriptors, for unit tests: time stands still until the test moves it, and a descriptor is readable
 * when the test says so.
 *
 * A turn is the real one's (reactor.ts): sleepers, the watches that were triggered, timers that are due, hooks.
 */

import { FakeClock } from "../base/clock.ts";
import type { Millis } from "../base/units.ts";
import type { Doorbells, Reactor, Sleeper, Timer, Watch } from "./reactor.ts";
import { Timers } from "./timers.ts";

/** Turns of one `advance()` or `settle()` before the loop counts as running in a circle. */
const MAX_TURNS = 100_000;

/** A watch that a test triggers. */
class FakeWatch implements Watch {
  readonly fd: number;
  readonly fast: boolean;
  enabled = true;
  closed = false;
  readonly #ready: () => void;

  constructor(fd: number, ready: () => void, fast: boolean) {
    this.fd = fd;
    this.fast = fast;
    this.#ready = ready;
  }

  enable(on: boolean): void {
    this.enabled = on;
  }

  close(): void {
    this.closed = true;
  }

  /** Calls the owner as if the descriptor were readable; false if it is not waited for. */
  trigger(): boolean {
    if (!this.enabled || this.closed) return false;
    this.#ready();
    return true;
  }
}

/** See the module's documentation. */
export class FakeReactor implements Reactor {
  readonly clock: FakeClock;
  readonly watches: FakeWatch[] = [];
  /** How often the event loop was asked for a turn. */
  yields = 0;
  readonly #timers = new Timers();
  readonly #sleepers: Sleeper[] = [];
  readonly #hooks: (() => void)[] = [];
  readonly #stopped = Promise.withResolvers<void>();

  constructor(clock = new FakeClock()) {
    this.clock = clock;
  }

  readonly writesLater = false;

  /** A fake loop has no descriptors to read; the fake netdev delivers frames by itself. */
  readFrames(): never {
    throw new Error("A fake reactor reads no frames");
  }

  frameWriter(): never {
    throw new Error("A fake reactor writes no frames");
  }

  watch(
    fd: number,
    ready: () => void,
    options: { fast?: boolean } = {},
  ): FakeWatch {
    const watch = new FakeWatch(fd, ready, options.fast ?? false);
    this.watches.push(watch);
    return watch;
  }

  /** Descriptors that were rung. */
  readonly rung: number[] = [];

  readonly doorbells = {
    open: (fd: number) => ({ ring: () => this.rung.push(fd), close: () => {} }),
    watch: (fd: number) => this.watch(fd, () => {}, { fast: true }),
  } satisfies Doorbells;

  forget(): void {}

  submit(): void {}

  timer(due: (now: Millis) => void): Timer {
    return this.#timers.add(due);
  }

  addSleeper(sleeper: Sleeper): void {
    this.#sleepers.push(sleeper);
  }

  onTurnEnd(hook: () => void): void {
    this.#hooks.push(hook);
  }

  yieldToEvents(): void {
    this.yields++;
  }

  /** Ends with `stop()`; turns are the test's. */
  run(): Promise<void> {
    return this.#stopped.promise;
  }

  stop(): void {
    this.#stopped.resolve();
  }

  /** Timers that are set. */
  get armed(): number {
    return this.#timers.armed;
  }

  /** When the next timer is due, or Infinity. */
  get deadline(): Millis {
    return this.#timers.first;
  }

  /** One turn: true if a sleeper had work, so that another turn would not wait. */
  turn(): boolean {
    let busy = false;
    for (const sleeper of this.#sleepers) {
      if (sleeper.beforeSleep()) busy = true;
    }
    for (const sleeper of this.#sleepers) sleeper.afterSleep();
    this.#timers.run(this.clock.now());
    for (const hook of this.#hooks) hook();
    return busy;
  }

  /** Turns until nothing is due. */
  settle(): void {
    for (let turns = 0; this.turn() || this.deadline <= this.clock.now();) {
      if (++turns > MAX_TURNS) throw new Error("The loop does not settle");
    }
  }

  /** Moves the clock by `ms`, stopping at each deadline on the way. */
  advance(ms: Millis): void {
    const end = this.clock.now() + ms;
    this.settle();
    while (this.deadline <= end) {
      this.clock.advance(this.deadline - this.clock.now());
      this.settle();
    }
    this.clock.advance(end - this.clock.now());
    this.settle();
  }
}
