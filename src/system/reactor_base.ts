/** The common part of the reactors: timers, sleepers, turn-end hooks, and the sequence of a turn. */

import { type Clock, TurnClock } from "../base/clock.ts";
import { Registered } from "../base/listeners.ts";
import type { Millis } from "../base/units.ts";
import type {
  FrameMemory,
  FrameReader,
  FrameSink,
  FrameWriter,
  WriteResults,
} from "./frames.ts";
import { PollFrameReader, PollFrameWriter } from "./poll_frames.ts";
import { MonotonicClock } from "./clock.ts";
import { EpollWatches } from "./epoll_watches.ts";
import type {
  Doorbells,
  Reactor,
  Sleeper,
  Timer,
  Watch,
  WatchOptions,
} from "./reactor.ts";
import { Timers } from "./timers.ts";

/** A {@linkcode Reactor} whose subclass implements the wait. */
export abstract class ReactorBase implements Reactor {
  /** The time at which the last wait ended. */
  readonly clock: TurnClock;
  protected readonly watches = new EpollWatches();
  readonly #timers = new Timers();
  readonly #sleepers = new Registered<Sleeper>();
  readonly #hooks = new Registered<() => void>();
  #yield = false;
  #stopped = false;

  constructor(clock: Clock = new MonotonicClock()) {
    this.clock = new TurnClock(clock);
  }

  readonly writesLater: boolean = false;

  /** Maximum wait in milliseconds. A typed array, because passing a fraction as an argument allocates. */
  protected readonly span = new Float64Array(1);

  /** Waits until a descriptor is ready, at most {@linkcode span} milliseconds; Infinity means without limit. */
  protected abstract wait(): void;
  /** Calls the watches that the last wait found ready. */
  protected abstract dispatch(): void;
  /** Watches a descriptor of the data path. */
  protected abstract watchFast(fd: number, ready: () => void): Watch;
  /** Releases the resources of the subclass, if it has any. */
  protected close(): void {}

  readFrames(fd: number, memory: FrameMemory, sink: FrameSink): FrameReader {
    return new PollFrameReader(
      fd,
      memory,
      sink,
      (ready) => this.watchFast(fd, ready),
      this,
    );
  }

  frameWriter(fd: number, results: WriteResults): FrameWriter {
    return new PollFrameWriter(fd, results);
  }

  watch(fd: number, ready: () => void, options: WatchOptions = {}): Watch {
    return options.fast
      ? this.watchFast(fd, ready)
      : this.watches.watch(fd, ready, options.failed);
  }

  readonly doorbells: Doorbells | undefined = undefined;

  /** Does nothing: by default the kernel has no references to a memory between reads. */
  forget(_memory: FrameMemory): void {}

  /** Does nothing: by default each operation is performed immediately. */
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
    this.#yield = true;
  }

  stop(): void {
    this.#stopped = true;
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      if (this.#yield) {
        this.#yield = false;
        await new Promise((resolve) => setTimeout(resolve, 0));
        // A message may have called `stop()`.
        if (this.#stopped) break;
      }
      this.turn(-1);
    }
    this.watches.close();
    this.close();
  }

  /** Runs one turn that waits at most `limit` milliseconds, or until the next timer if `limit` is negative. */
  turn(limit: Millis): void {
    const sleepers = this.#sleepers.all;
    let busy = this.#yield;
    for (let i = 0; i < sleepers.length; i++) {
      if (sleepers[i]!.beforeSleep()) busy = true;
    }
    this.#setSpan(busy ? 0 : limit);
    this.wait();
    this.clock.refresh();
    for (let i = 0; i < sleepers.length; i++) sleepers[i]!.afterSleep();
    this.dispatch();
    this.#timers.run(this.clock.now());
    const hooks = this.#hooks.all;
    for (let i = 0; i < hooks.length; i++) hooks[i]!();
  }

  #setSpan(limit: Millis): void {
    const { span } = this;
    span[0] = limit < 0 ? Infinity : limit;
    if (limit === 0) return;
    const { first } = this.#timers;
    if (first === Infinity) return;
    const wait = first - this.clock.now();
    if (wait < span[0]!) span[0] = Math.max(0, wait);
  }
}
