/**
 * A reactor without descriptors for unit tests. The test advances the time and triggers the watches.
 *
 * A turn calls the sleepers, the due timers and the turn-end hooks, in the order of a real reactor (reactor.ts).
 */

import { FakeClock } from "../base/clock.ts";
import { Registered } from "../base/listeners.ts";
import type { Millis } from "../base/units.ts";
import type { Doorbells, Reactor, Sleeper, Timer, Watch } from "./reactor.ts";
import { Timers } from "./timers.ts";

/** Maximum number of turns of one `settle()`. */
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

  /** Calls the callback as if the descriptor were readable. Returns false if the watch is disabled or closed. */
  trigger(): boolean {
    if (!this.enabled || this.closed) return false;
    this.#ready();
    return true;
  }
}

/** A {@linkcode Reactor} that a test drives. */
export class FakeReactor implements Reactor {
  readonly clock: FakeClock;
  readonly watches: FakeWatch[] = [];
  /** Number of calls of `yieldToEvents()`. */
  yields = 0;
  readonly #timers = new Timers();
  readonly #sleepers = new Registered<Sleeper>();
  readonly #hooks = new Registered<() => void>();
  readonly #stopped = Promise.withResolvers<void>();

  constructor(clock = new FakeClock()) {
    this.clock = clock;
  }

  readonly writesLater = false;

  /** Throws: the fake netdev delivers frames itself. */
  readFrames(): never {
    throw new Error("A fake reactor cannot read frames");
  }

  frameWriter(): never {
    throw new Error("A fake reactor cannot write frames");
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

  /** Descriptors rung through `doorbells`, in order. */
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

  addSleeper(sleeper: Sleeper): () => void {
    return this.#sleepers.add(sleeper);
  }

  onTurnEnd(hook: () => void): () => void {
    return this.#hooks.add(hook);
  }

  yieldToEvents(): void {
    this.yields++;
  }

  /** Resolves after `stop()`. Runs no turns: the test calls `turn()`, `settle()` or `advance()`. */
  run(): Promise<void> {
    return this.#stopped.promise;
  }

  stop(): void {
    this.#stopped.resolve();
  }

  /** Number of timers that are set. */
  get armed(): number {
    return this.#timers.armed;
  }

  /** The time when the next timer is due, or Infinity. */
  get deadline(): Millis {
    return this.#timers.first;
  }

  /** Runs one turn. Returns true if a sleeper had work, in which case a real loop would not wait. */
  turn(): boolean {
    let busy = false;
    for (const sleeper of this.#sleepers.all) {
      if (sleeper.beforeSleep()) busy = true;
    }
    for (const sleeper of this.#sleepers.all) sleeper.afterSleep();
    this.#timers.run(this.clock.now());
    for (const hook of this.#hooks.all) hook();
    return busy;
  }

  /** Runs turns until no sleeper has work and no timer is due. Throws after {@linkcode MAX_TURNS} turns. */
  settle(): void {
    for (let turns = 0; this.turn() || this.deadline <= this.clock.now();) {
      if (++turns > MAX_TURNS) throw new Error("The loop does not settle");
    }
  }

  /** Advances the clock by `ms`, and settles at each deadline of a timer. */
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
