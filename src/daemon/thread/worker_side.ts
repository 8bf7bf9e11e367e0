/** Worker-thread part of a worker: starts its objects, runs the reactor, and serves calls between turns. */

import { Errno } from "../../base/errno.ts";
import {
  configureLog,
  type LimitedLog,
  type LogLevel,
} from "../../base/log.ts";
import { IpoibError } from "../../base/errors.ts";
import { drain } from "../../system/event_fd.ts";
import type { Reactor, Timer } from "../../system/reactor.ts";
import { logSink } from "../log_output.ts";
import type { CallMessage, FromWorker, ToWorker } from "./protocol.ts";

/** The operations of a started worker. */
export interface Hosted {
  /**
   * Runs a command. Calls `done` with its result, or `fail` with an error, immediately or from a callback of the
   * reactor. An exception is sent as the reply.
   */
  command(
    call: Pick<CallMessage, "command" | "params" | "namespace">,
    done: (result: unknown) => void,
    fail: (error: unknown) => void,
  ): void;
  /** Closes all objects of the worker. The reactor stops afterwards. */
  close(): void;
}

/** Sends an event to the main thread. */
export type Emit = (event: string, data: unknown) => void;

interface Port<Init> {
  onmessage: ((event: MessageEvent<ToWorker<Init>>) => void) | null;
  postMessage(message: FromWorker): void;
}

/**
 * Runs a worker: calls `start` with the parameters of the main thread, then serves calls until the command `close`.
 */
export function serve<Init extends { log: LogLevel }>(
  openReactor: (init: Init) => Reactor,
  start: (
    init: Init,
    reactor: Reactor,
    emit: Emit,
    log: LimitedLog,
  ) => Hosted,
): void {
  // The project's `lib` types describe the global scope of the main thread.
  const port = self as unknown as Port<Init>;
  let reactor: Reactor;
  let hosted: Hosted | undefined;
  let posted: Int32Array<SharedArrayBuffer>;
  let log: LimitedLog | undefined;
  let logTimer: Timer | undefined;
  let seen = 0;
  /** Replies to the command `close`. */
  let closed: (() => void) | undefined;

  port.onmessage = async ({ data }) => {
    if (data.type === "call") {
      seen++;
      answer(data);
      return;
    }
    posted = data.posted;
    // Timers of the runtime do not fire while the reactor blocks, so the log uses a timer of the reactor.
    const limited = log = configureLog(data.init.log, {
      sink: logSink(),
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
        limited,
      );
    } catch (error) {
      const failure = IpoibError.from(error).toJSON();
      port.postMessage({ type: "failed", error: failure });
      return;
    }
    const { doorbell } = data;
    reactor.watch(doorbell, () => drain(doorbell));
    reactor.addSleeper({
      // A posted message may arrive only after several turns of the event loop. The reactor must not sleep until then.
      beforeSleep: () => {
        const missing = Atomics.load(posted, 0) !== seen;
        if (missing) reactor.yieldToEvents();
        return missing;
      },
      afterSleep: () => {},
    });
    port.postMessage({ type: "started" });
    await reactor.run();
    // Not earlier: the main thread terminates the worker after the reply, and the descriptors of the reactor would remain.
    closed?.();
  };

  port.postMessage({ type: "loaded" });

  function answer(call: CallMessage): void {
    const { id, command } = call;
    const done = (result: unknown) =>
      port.postMessage({ type: "reply", id, ok: true, result });
    const fail = (error: unknown) =>
      port.postMessage({
        type: "reply",
        id,
        ok: false,
        error: IpoibError.from(error).toJSON(),
      });
    try {
      if (command === "close") {
        // During the start there is nothing to close.
        if (!hosted) return done({});
        hosted.close();
        log?.flush(true);
        closed = () => done({});
        reactor.stop();
      } else if (hosted) hosted.command(call, done, fail);
      else throw starting();
    } catch (error) {
      fail(error);
    }
  }
}

/** Error for calls during the start: the control socket exists before the interface. */
function starting(): IpoibError {
  return new IpoibError("E_STARTING", "The interface is still starting", {
    errno: Errno.EAGAIN,
    hint: "try again",
  });
}
