/** A worker's end: starts what it hosts, runs the reactor, answers calls between turns. */

import { Errno } from "../../base/errno.ts";
import {
  configureLog,
  type LimitedLog,
  type LogLevel,
} from "../../base/log.ts";
import { IpoibError } from "../../base/errors.ts";
import { drain } from "../../system/event_fd.ts";
import type { Reactor, Timer } from "../../system/reactor.ts";
import type { FromWorker, ToWorker } from "./protocol.ts";

/** What a worker offers, once it has started. */
export interface Hosted {
  /** Runs a command and calls `done` with its result, now or later from a callback of the reactor; a throw is an answer too. */
  command(name: string, params: unknown, done: (result: unknown) => void): void;
  /** Ends everything; the reactor stops after it. */
  close(): void;
}

export type Emit = (event: string, data: unknown) => void;

interface Port<Init> {
  onmessage: ((event: MessageEvent<ToWorker<Init>>) => void) | null;
  postMessage(message: FromWorker): void;
}

/** Hosts what `start` makes until the command `close` comes. */
export function serve<Init extends { log: LogLevel }>(
  openReactor: (init: Init) => Reactor,
  start: (init: Init, reactor: Reactor, emit: Emit) => Hosted,
): void {
  // The one place where the global scope is given the type that a worker's has.
  const port = self as unknown as Port<Init>;
  let reactor: Reactor;
  let hosted: Hosted | undefined;
  let posted: Int32Array<SharedArrayBuffer>;
  let log: LimitedLog | undefined;
  let logTimer: Timer | undefined;
  let seen = 0;

  port.onmessage = async ({ data }) => {
    if (data.type === "call") {
      seen++;
      answer(data.id, data.command, data.params);
      return;
    }
    posted = data.posted;
    // The loop blocks the thread, so timers of the runtime do not serve.
    const limited = log = await configureLog(data.init.log, {
      wakeAfter: (delay) => logTimer?.at(reactor.clock.now() + delay),
    });
    try {
      reactor = openReactor(data.init);
      logTimer = reactor.timer(() => limited.flush());
      limited.flush();
      hosted = start(
        data.init,
        reactor,
        (event, detail) =>
          port.postMessage({ type: "event", event, data: detail }),
      );
    } catch (error) {
      const failure = IpoibError.from(error).toJSON();
      port.postMessage({ type: "failed", error: failure });
      return;
    }
    const { doorbell } = data;
    reactor.watch(doorbell, () => drain(doorbell));
    reactor.addSleeper({
      // A posted message arrives when the event loop gets a turn, and not always in the first: no sleep before it is here.
      beforeSleep: () => {
        const missing = Atomics.load(posted, 0) !== seen;
        if (missing) reactor.yieldToEvents();
        return missing;
      },
      afterSleep: () => {},
    });
    port.postMessage({ type: "started" });
    await reactor.run();
  };

  function answer(id: number, command: string, params: unknown): void {
    const done = (result: unknown) =>
      port.postMessage({ type: "reply", id, ok: true, result });
    try {
      if (command === "close") {
        // It may come while the start is under way: then there is nothing to close, and the thread is ended with the answer.
        if (hosted) {
          hosted.close();
          reactor.stop();
          log?.flush(true);
        }
        done({});
      } else if (hosted) hosted.command(command, params, done);
      else throw starting();
    } catch (error) {
      const failure = IpoibError.from(error).toJSON();
      port.postMessage({ type: "reply", id, ok: false, error: failure });
    }
  }
}

/** The control socket is there a moment before the interface. */
function starting(): IpoibError {
  return new IpoibError("E_STARTING", "The interface is still starting", {
    errno: Errno.EAGAIN,
    hint: "try again in a moment",
  });
}
