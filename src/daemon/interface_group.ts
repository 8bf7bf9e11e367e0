/**
 * The interfaces of one process. Each has its own control socket; data_services.ts distributes them over threads.
 *
 * If one interface fails to start, all are stopped, unless they use all ports of the host: then the others run, so that
 * an unusable port does not stop them. Once started, each interface ends independently, by `ipoib down` or because of
 * an error, and the process exits with the last one. On the embedded subnet each interface is also a candidate for the
 * role of subnet manager. If the interface that holds the role ends, another interface of this or another process takes
 * it over.
 */

import { IpoibError } from "../base/errors.ts";
import { getLogger } from "../base/log.ts";

/**
 * Why an interface ends: `ipoib down`, its deletion, or the end of a process without a supervisor; a signal; a failure;
 * the interfaces could not be started; another process has taken it over; or this process could not take it over.
 */
export type EndReason =
  | "down"
  | "signal"
  | "failure"
  | "not started"
  | "handed over"
  | "not taken over";

/** An interface of the group. InterfaceProcess implements it; tests use fakes. */
export interface Member {
  readonly name: string;
  onRunning: () => void;
  onEnding: () => void;
  listen(): Promise<void>;
  start(): Promise<void>;
  end(reason?: EndReason): void;
  ended(): Promise<void>;
}

export class InterfaceGroup<M extends Member = Member> {
  /**
   * Called once, when the interfaces are created, unless they are to end by then; `all` is false if one of them could not
   * be created.
   */
  onStarted: (all: boolean) => void = () => {};
  /** Called once, when all interfaces that have not ended are ready. */
  onRunning: () => void = () => {};
  /** Called once, when the last interface begins to end. */
  onStopping: () => void = () => {};

  readonly #members: readonly M[];
  readonly #separate: boolean;
  /** Interfaces that are not ending, and those of them that have never been ready. */
  readonly #alive: Set<M>;
  readonly #awaited: Set<Member>;
  #ending = false;
  #ran = false;

  /** Called if the interfaces cannot be started, before they end. */
  onStartFailed: (error: unknown) => void = () => {};

  /** @param separate true if an interface that fails to start does not stop the others */
  constructor(members: readonly M[], separate = false) {
    this.#members = members;
    this.#separate = separate;
    this.#alive = new Set(members);
    this.#awaited = new Set(members);
    for (const member of members) {
      member.onRunning = () => this.#arrived(member);
      member.onEnding = () => {
        this.#alive.delete(member);
        if (this.#alive.size === 0) this.onStopping();
        else this.#arrived(member);
      };
    }
  }

  /** Returns the interfaces that are not ending. */
  alive(): M[] {
    return [...this.#alive];
  }

  /** Ends all interfaces. */
  end(reason?: EndReason): void {
    this.#ending = true;
    for (const member of this.#members) member.end(reason);
  }

  /**
   * Starts all interfaces and waits until the last one has ended. Throws the error if an interface fails to start, or
   * if the last one ends because of an error. Returns false if another interface failed to start or ended because of an
   * error, which is logged.
   */
  async run(): Promise<boolean> {
    const started = await this.#start();
    let left = started.length;
    let success = left === this.#members.length;
    await Promise.all(started.map(async (member) => {
      try {
        await member.ended();
      } catch (error) {
        if (left === 1) throw error;
        success = false;
        logFailure(member.name, IpoibError.from(error));
      } finally {
        left--;
      }
    }));
    return success;
  }

  /** Returns the interfaces that have started. Throws the error if not all, or if `separate` none, can be started. */
  async #start(): Promise<readonly Member[]> {
    const steps = [
      // All control sockets are bound before any interface is created.
      (member: Member) => member.listen(),
      async (member: Member) => {
        if (!this.#ending) await member.start();
      },
    ];
    const started = new Set(this.#members);
    try {
      for (const step of steps) {
        for (const member of [...started]) {
          try {
            await step(member);
          } catch (error) {
            started.delete(member);
            if (!this.#separate || started.size === 0) throw error;
            logFailure(member.name, IpoibError.from(error));
            member.end("not started");
            await Promise.allSettled([member.ended()]);
          }
        }
      }
    } catch (error) {
      this.onStartFailed(error);
      this.end("not started");
      await Promise.allSettled(this.#members.map((each) => each.ended()));
      throw error;
    }
    // Otherwise not all were started.
    if (!this.#ending) this.onStarted(started.size === this.#members.length);
    return [...started];
  }

  /** Handles a member that is ready or ending: calls onRunning if no other member is awaited. */
  #arrived(member: Member): void {
    this.#awaited.delete(member);
    if (this.#awaited.size > 0 || this.#ending || this.#ran) return;
    this.#ran = true;
    this.onRunning();
  }
}

function logFailure(name: string, { message, hint }: IpoibError): void {
  getLogger(name).error(hint === undefined ? message : `${message} (${hint})`);
}
