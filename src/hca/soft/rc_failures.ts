/** The failed connections of a port whose creators are not called yet. They are called from the reactor's loop. */

import type { Reactor, Timer } from "../../system/reactor.ts";
import type { RcFailure } from "../rc_qp.ts";

/** A queue pair that can fail. */
interface Failing {
  reportFailure(failure: RcFailure): void;
}

/** The failures to report; each queue pair fails at most once. */
export class RcFailures {
  readonly #reactor: Reactor;
  readonly #timer: Timer;
  readonly #failed = new Map<Failing, RcFailure>();

  constructor(reactor: Reactor) {
    this.#reactor = reactor;
    this.#timer = reactor.timer(() => this.#report());
  }

  add(qp: Failing, failure: RcFailure): void {
    this.#failed.set(qp, failure);
    this.#timer.at(this.#reactor.clock.now());
  }

  /** Removes a queue pair that its creator has closed. */
  remove(qp: Failing): void {
    this.#failed.delete(qp);
  }

  close(): void {
    this.#timer.close();
  }

  #report(): void {
    for (const [qp, failure] of [...this.#failed]) {
      if (this.#failed.delete(qp)) qp.reportFailure(failure);
    }
  }
}
