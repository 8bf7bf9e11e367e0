/**
 * The interfaces of one process, each with threads and a control socket of its own.
 *
 * They begin together: if one cannot, none is left. From then on each ends for itself, taken down or by an error, and the
 * process ends with the last one. On the embedded subnet each has a seat for its manager as well, so an end of the
 * interface whose seat was taken is a takeover by the next, as between processes.
 */

import { IpoibError } from "../base/errors.ts";
import { getLogger } from "../base/log.ts";

/** An interface, as {@linkcode InterfaceGroup} sees it: see interface_process.ts. */
export interface Member {
  readonly name: string;
  onRunning: () => void;
  onEnding: () => void;
  listen(): Promise<void>;
  start(): Promise<void>;
  end(): void;
  ended(): Promise<void>;
}

export class InterfaceGroup {
  /** Called once, when every interface is made. */
  onStarted: () => void = () => {};
  /** Called once, when every interface (that has not ended before) carries traffic. */
  onRunning: () => void = () => {};
  /** Called once, when the last interface begins to end. */
  onStopping: () => void = () => {};

  readonly #members: readonly Member[];
  /** Those that have not begun to end, and those of them that have not carried traffic yet. */
  readonly #alive: Set<Member>;
  readonly #awaited: Set<Member>;
  #ending = false;
  #ran = false;

  constructor(members: readonly Member[]) {
    this.#members = members;
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

  /** Ends all of them. */
  end(): void {
    this.#ending = true;
    for (const member of this.#members) member.end();
  }

  /**
   * Runs until the last interface has ended. Throws why one could not begin, or what ended the last one; false if an error
   * ended another one before, which is in the log.
   */
  async run(): Promise<boolean> {
    try {
      // All names are taken before anything is made.
      for (const member of this.#members) await member.listen();
      for (const member of this.#members) {
        if (!this.#ending) await member.start();
      }
      this.onStarted();
    } catch (error) {
      this.end();
      await Promise.allSettled(this.#members.map((each) => each.ended()));
      throw error;
    }
    let left = this.#members.length;
    let well = true;
    await Promise.all(this.#members.map(async (member) => {
      try {
        await member.ended();
      } catch (error) {
        if (left === 1) throw error;
        well = false;
        logFailure(member.name, IpoibError.from(error));
      } finally {
        left--;
      }
    }));
    return well;
  }

  /** Nobody waits for this one any longer. */
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
