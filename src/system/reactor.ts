/**
 * The one loop of a data worker: waits for descriptors, timers and shared memory, and calls their owners.
 *
 * A turn is: let the sleepers look once more, wait, call the watchers whose descriptors are ready, call the
 * timers that are due, call the turn-end hooks (doorbells of what was posted). Who watches what:
 * TUNs and the HCA's doorbell are *fast* watches, entries of one pollfd array; all others (netlink, the
 * manager's socket, a connection for each peer) stand behind one epoll descriptor that is itself an entry of
 * the array, so that a wait costs the same with two peers as with fifty.
 *
 * `poll(2)` blocks the worker's thread: messages from the main thread are only seen in a turn of the event
 * loop, which the loop takes when {@linkcode Reactor.yieldToEvents} asks for it.
 */

import type { Clock } from "../base/clock.ts";
import type { Millis } from "../base/units.ts";
import type {
  FrameMemory,
  FrameReader,
  FrameSink,
  FrameWriter,
  WriteResults,
} from "./frames.ts";

/** Something readable that somebody waits for. */
export interface Watch {
  /** Stops or resumes waiting, without forgetting the descriptor. */
  enable(on: boolean): void;
  close(): void;
}

/** A deadline that can be moved. */
export interface Timer {
  /** Calls back at the first turn after `when`; Infinity for never. */
  at(when: Millis): void;
  close(): void;
}

/** An owner of memory that other processes write. */
export interface Sleeper {
  /** Announces the sleep and looks once more: true if there is work, so that the loop must not wait. */
  beforeSleep(): boolean;
  /** Takes the announcement back, and does the work that `beforeSleep` saw. */
  afterSleep(): void;
}

/** What the rooms above need of the loop. */
export interface Reactor {
  readonly clock: Clock;
  /** True if frames are written, and bells are rung, with the next wait and not at once. */
  readonly writesLater: boolean;
  /** Reads frames of `fd` into slots of `memory`. */
  readFrames(fd: number, memory: FrameMemory, sink: FrameSink): FrameReader;
  /** Writes frames to `fd`. */
  frameWriter(fd: number, results: WriteResults): FrameWriter;
  /** Calls `ready` in each turn in which `fd` is readable or hung up. `fast` is for the data path's few. */
  watch(fd: number, ready: () => void, options?: { fast?: boolean }): Watch;
  /** Wakes the loop when the eventfd `fd` is rung, and takes the rings: for a doorbell whose owner looks by itself. */
  watchBell(fd: number): Watch;
  /** Rings somebody's eventfd, at once or with the next wait. */
  signal(fd: number): void;
  /**
   * Has the kernel take what was prepared for the next wait. To be called before memory that a prepared write points to is
   * unmapped, and before a descriptor that one names is closed.
   */
  submit(): void;
  timer(due: (now: Millis) => void): Timer;
  addSleeper(sleeper: Sleeper): void;
  /** Called at the end of each turn. */
  onTurnEnd(hook: () => void): void;
  /** Gives the thread's event loop one turn before the next wait. */
  yieldToEvents(): void;
  run(): Promise<void>;
  stop(): void;
}
