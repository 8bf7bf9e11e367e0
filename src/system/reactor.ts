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
import type { IpoibError } from "../base/errors.ts";
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

export interface WatchOptions {
  /** For the few descriptors of the data path. */
  readonly fast?: boolean;
  /**
   * What `ready` throws goes here, after the watch was closed: for a descriptor that another process, or the kernel, can make any call
   * fail on. Without it an exception ends the loop.
   */
  readonly failed?: (error: IpoibError) => void;
}

/** A deadline that can be moved. */
export interface Timer {
  /** Calls back at the first turn after `when`; Infinity for never. */
  at(when: Millis): void;
  close(): void;
}

/** A way to wake the process that watches an eventfd. It never blocks, whatever that process does to the descriptor. */
export interface Bell {
  ring(): void;
  close(): void;
}

/** Doorbells that are eventfds. */
export interface Doorbells {
  /** A bell that rings `fd` with the next wait; `failed` is called where the eventfd could not take it. */
  open(fd: number, failed: () => void): Bell;
  /** Wakes the loop each time that the eventfd is rung; its count is never taken. */
  watch(fd: number): Watch;
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
  /** Calls `ready` in each turn in which `fd` is readable or hung up. */
  watch(fd: number, ready: () => void, options?: WatchOptions): Watch;
  /**
   * Undefined where eventfds that another process holds as well cannot be used without the risk of blocking: reading and writing
   * one is non-blocking only as long as no holder changes its flags.
   */
  readonly doorbells: Doorbells | undefined;
  /** Forgets a memory that frames were read into, before it is unmapped; its readers have stopped. */
  forget(memory: FrameMemory): void;
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
