/** The reactor over `poll(2)`, with `epoll` behind it for what is rare: works on every kernel. */

import { errno, libc } from "../../ffi/libc.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import type { Millis } from "../base/units.ts";
import { Errno, lastError, unwrap } from "./errno.ts";
import { Fd } from "./fd.ts";
import type { Reactor, Sleeper, Timer, Watch } from "./reactor.ts";

const POLLIN = 1;
const EPOLL_CLOEXEC = 0x80000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLLIN = 1;
const EPOLL_BATCH = 32;
/** struct epoll_event is packed on x86-64 only. */
const EPOLL_EVENT = Deno.build.arch === "x86_64" ? 12 : 16;
const EPOLL_DATA = EPOLL_EVENT - 8;
const MAX_FAST = 64;

interface TimerEntry {
  when: Millis;
  due: (now: Millis) => void;
}

/** See {@linkcode Reactor}. */
export class PollReactor implements Reactor {
  readonly clock: Clock;
  readonly #pollSet = new Uint8Array(8 * (MAX_FAST + 1));
  readonly #pollFds = new Int32Array(this.#pollSet.buffer);
  readonly #pollEvents = new Int16Array(this.#pollSet.buffer);
  readonly #fast: ((() => void) | undefined)[] = [];
  #count = 1n;
  readonly #epoll: Fd;
  readonly #events = new Uint8Array(EPOLL_EVENT * EPOLL_BATCH);
  readonly #eventView = new DataView(this.#events.buffer);
  readonly #slow = new Map<number, () => void>();
  #nextId = 1;
  readonly #timers: TimerEntry[] = [];
  readonly #sleepers: Sleeper[] = [];
  readonly #hooks: (() => void)[] = [];
  #yield = false;
  #stopped = false;

  constructor(clock: Clock = systemClock) {
    this.clock = clock;
    this.#epoll = new Fd(
      unwrap(
        libc().epoll_create1(EPOLL_CLOEXEC),
        "E_EPOLL",
        "create an epoll descriptor",
      ),
    );
    this.#fast.push(() => this.#dispatchSlow());
    this.#setFast(0, this.#epoll.number, true);
  }

  watch(
    fd: number,
    ready: () => void,
    options: { fast?: boolean } = {},
  ): Watch {
    return options.fast
      ? this.#watchFast(fd, ready)
      : this.#watchSlow(fd, ready);
  }

  timer(due: (now: Millis) => void): Timer {
    const entry: TimerEntry = { when: Infinity, due };
    this.#timers.push(entry);
    return {
      at: (when) => {
        entry.when = when;
      },
      close: () => {
        entry.when = Infinity;
        const at = this.#timers.indexOf(entry);
        if (at >= 0) this.#timers.splice(at, 1);
      },
    };
  }

  addSleeper(sleeper: Sleeper): void {
    this.#sleepers.push(sleeper);
  }

  onTurnEnd(hook: () => void): void {
    this.#hooks.push(hook);
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
        // A message may have asked for the end.
        if (this.#stopped) break;
      }
      this.turn(-1);
    }
    this.#epoll.close();
  }

  /** One turn that waits at most `limit` milliseconds; -1 waits as long as the timers allow. */
  turn(limit: number): void {
    const sleepers = this.#sleepers;
    let busy = this.#yield;
    for (let i = 0; i < sleepers.length; i++) {
      if (sleepers[i]!.beforeSleep()) busy = true;
    }
    const ready = libc().poll(
      this.#pollSet,
      this.#count,
      busy ? 0 : this.#timeout(limit),
    );
    if (ready < 0 && errno() !== Errno.EINTR) {
      throw lastError("E_POLL", "wait for descriptors");
    }
    for (let i = 0; i < sleepers.length; i++) sleepers[i]!.afterSleep();
    if (ready > 0) {
      const fast = this.#fast;
      for (let i = fast.length - 1; i >= 0; i--) {
        if (this.#pollEvents[i * 4 + 3] !== 0) {
          this.#pollEvents[i * 4 + 3] = 0;
          fast[i]?.();
        }
      }
    }
    this.#runTimers();
    const hooks = this.#hooks;
    for (let i = 0; i < hooks.length; i++) hooks[i]!();
  }

  #timeout(limit: number): number {
    let first = Infinity;
    for (let i = 0; i < this.#timers.length; i++) {
      const when = this.#timers[i]!.when;
      if (when < first) first = when;
    }
    if (first === Infinity) return limit;
    const wait = Math.max(0, Math.ceil(first - this.clock.now()));
    return limit < 0 ? Math.min(wait, 0x7fffffff) : Math.min(wait, limit);
  }

  #runTimers(): void {
    if (this.#timers.length === 0) return;
    const now = this.clock.now();
    for (let i = 0; i < this.#timers.length; i++) {
      const timer = this.#timers[i]!;
      if (timer.when <= now) {
        timer.when = Infinity;
        timer.due(now);
      }
    }
  }

  #setFast(slot: number, fd: number, on: boolean): void {
    // A negative descriptor is how poll(2) skips an entry, its hang-ups included.
    this.#pollFds[slot * 2] = on ? fd : -1 - fd;
    this.#pollEvents[slot * 4 + 2] = POLLIN;
    this.#pollEvents[slot * 4 + 3] = 0;
  }

  #watchFast(fd: number, ready: () => void): Watch {
    let slot = this.#fast.indexOf(undefined);
    if (slot < 0) slot = this.#fast.length;
    // Checked before the table grows: poll(2) must never count an entry that is not there.
    if (slot > MAX_FAST) {
      throw lastError("E_WATCH", `watch more than ${MAX_FAST} devices`, {
        errno: Errno.ENOSPC,
      });
    }
    this.#fast[slot] = ready;
    this.#setFast(slot, fd, true);
    this.#count = BigInt(this.#fast.length);
    return {
      enable: (on) => this.#setFast(slot, fd, on),
      close: () => {
        if (this.#fast[slot] !== ready) return;
        this.#fast[slot] = undefined;
        this.#setFast(slot, 0, false);
      },
    };
  }

  #watchSlow(fd: number, ready: () => void): Watch {
    const id = this.#nextId++;
    const event = new Uint8Array(EPOLL_EVENT);
    const view = new DataView(event.buffer);
    view.setUint32(0, EPOLLIN, true);
    view.setUint32(EPOLL_DATA, id, true);
    const control = (operation: number) =>
      libc().epoll_ctl(this.#epoll.number, operation, fd, event);
    const add = () =>
      unwrap(control(EPOLL_CTL_ADD), "E_WATCH", "watch a descriptor");
    add();
    let on = true;
    // An earlier callback of the same batch may have turned this one off.
    this.#slow.set(id, () => {
      if (on) ready();
    });
    return {
      enable: (wanted) => {
        if (wanted === on || !this.#slow.has(id)) return;
        on = wanted;
        if (wanted) add();
        else control(EPOLL_CTL_DEL);
      },
      close: () => {
        if (this.#slow.delete(id) && on) control(EPOLL_CTL_DEL);
      },
    };
  }

  #dispatchSlow(): void {
    const count = libc().epoll_wait(
      this.#epoll.number,
      this.#events,
      EPOLL_BATCH,
      0,
    );
    for (let i = 0; i < count; i++) {
      const id = this.#eventView.getUint32(i * EPOLL_EVENT + EPOLL_DATA, true);
      this.#slow.get(id)?.();
    }
  }
}
