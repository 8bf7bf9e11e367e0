/**
 * The event loop of a data worker, which waits for descriptors, timers and shared memory.
 *
 * A turn calls `beforeSleep` of the sleepers, waits, and calls `afterSleep` of the sleepers. It then calls the watches
 * whose descriptors are ready, the timers that are due, and the turn-end hooks, which ring the doorbells of posted
 * packets. Watches (TAP devices, netlink, the manager's socket, a connection per peer) are registered with an epoll
 * descriptor, so that the cost of a wait does not depend on their number. With io_uring the epoll descriptor and the
 * *fast* watches, for doorbells and completion channels, are operations of the ring.
 *
 * The wait blocks the worker's thread. Messages from the main thread are received only in a turn of the runtime's event
 * loop, which {@linkcode Reactor.yieldToEvents} requests.
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

/** A descriptor that the reactor polls for input. */
export interface Watch {
  /** Starts or stops polling the descriptor. */
  enable(on: boolean): void;
  close(): void;
}

export interface WatchOptions {
  /** True for the few descriptors of the data path, each of which is then an operation of its own with io_uring. */
  readonly fast?: boolean;
  /**
   * Receives the error if `ready` throws, after the watch was closed. Without it, an exception of `ready` ends the
   * loop. Ignored for fast watches.
   */
  readonly failed?: (error: IpoibError) => void;
}

/** A timer with a single deadline. */
export interface Timer {
  /** Sets the deadline, replacing the previous one. The callback runs once, in the first turn at or after `when`. */
  at(when: Millis): void;
  close(): void;
}

/** Rings an eventfd of another process. Never blocks, even if that process makes the descriptor blocking. */
export interface Bell {
  ring(): void;
  close(): void;
}

/** Doorbells based on eventfds. */
export interface Doorbells {
  /** Returns a bell that rings the eventfd `fd` with the next wait. Calls `failed` if the write to it fails. */
  open(fd: number, failed: () => void): Bell;
  /** Wakes the loop each time the eventfd is rung, without reading its count. */
  watch(fd: number): Watch;
}

/**
 * An object that the reactor calls before and after each wait, for example to poll memory that other processes write.
 */
export interface Sleeper {
  /**
   * Announces the sleep to other processes if necessary, then polls. Returns true if there is work, so that the loop
   * must not wait.
   */
  beforeSleep(): boolean;
  /** Withdraws the announcement and does the pending work. */
  afterSleep(): void;
}

/** The event loop. */
export interface Reactor {
  readonly clock: Clock;
  /** True if frames are written and bells are rung with the next wait instead of immediately. */
  readonly writesLater: boolean;
  /** Reads frames from `fd` into slots of `memory`. */
  readFrames(fd: number, memory: FrameMemory, sink: FrameSink): FrameReader;
  /** Writes frames to `fd`. */
  frameWriter(fd: number, results: WriteResults): FrameWriter;
  /** Calls `ready` in each turn in which `fd` is readable or hung up. */
  watch(fd: number, ready: () => void, options?: WatchOptions): Watch;
  /**
   * Eventfd doorbells, or undefined if ringing an eventfd of another process could block. A read or write of an eventfd
   * is non-blocking only as long as no process that holds it clears O_NONBLOCK.
   */
  readonly doorbells: Doorbells | undefined;
  /** Releases the kernel's references to a frame memory before it is unmapped. Its readers must be stopped. */
  forget(memory: FrameMemory): void;
  /**
   * Submits the operations prepared for the next wait. Must be called before memory of a prepared write is unmapped and
   * before a descriptor of a prepared operation is closed.
   */
  submit(): void;
  timer(due: (now: Millis) => void): Timer;
  /** Returns a function that removes the sleeper, to be called between turns or from a callback of the reactor. */
  addSleeper(sleeper: Sleeper): () => void;
  /** Calls `hook` at the end of each turn. Returns a function that removes it. */
  onTurnEnd(hook: () => void): () => void;
  /** Runs one turn of the runtime's event loop before the next wait. */
  yieldToEvents(): void;
  run(): Promise<void>;
  stop(): void;
}
