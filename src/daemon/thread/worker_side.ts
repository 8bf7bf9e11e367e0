/** Worker-thread part of a worker: starts its services, runs the reactor, and serves calls between turns. */

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
import type {
  CallMessage,
  FromService,
  FromWorker,
  OpenMessage,
  StartMessage,
  ToWorker,
} from "./protocol.ts";

/** The operations of a started service. */
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
  /** Closes all objects of the service. */
  close(): void;
}

/** Sends an event to the main thread. */
export type Emit = (event: string, data: unknown) => void;

interface Port<Init> {
  onmessage: ((event: MessageEvent<ToWorker<Init>>) => void) | null;
  postMessage(message: FromWorker): void;
}

/**
 * Runs a worker: calls `start` for each service with the parameters of the main thread, then serves calls until the
 * command `close` of the last service. The first service chooses the reactor and the level of the log.
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
  const services = new Map<number, Hosted>();
  let opened: OpenMessage;
  let running: { reactor: Reactor; log: LimitedLog } | undefined;
  let seen = 0;
  /** Replies to the command `close` of the last service. */
  let closed: (() => void) | undefined;

  const post = (service: number, message: FromService) =>
    port.postMessage({ ...message, service });

  port.onmessage = ({ data }) => {
    if (data.type === "open") {
      opened = data;
      return;
    }
    seen++;
    if (data.type === "call") answer(data);
    else startService(data);
  };

  port.postMessage({ type: "loaded" });

  function startService({ service, init }: StartMessage<Init>): void {
    try {
      const { reactor, log } = running ??= open(init);
      const emit: Emit = (event, detail) =>
        post(service, { type: "event", event, data: detail });
      services.set(service, start(init, reactor, emit, log));
      post(service, { type: "started" });
    } catch (error) {
      const failure = IpoibError.from(error).toJSON();
      post(service, { type: "failed", error: failure });
    }
  }

  /** Configures the log, and opens and runs the reactor. */
  function open(init: Init): { reactor: Reactor; log: LimitedLog } {
    let logTimer: Timer | undefined = undefined;
    // Timers of the runtime do not fire while the reactor blocks, so the log uses a timer of the reactor.
    const log = configureLog(init.log, {
      sink: logSink(),
      wakeAfter: (delay) => logTimer?.at(reactor.clock.now() + delay),
    });
    const reactor = openReactor(init);
    logTimer = reactor.timer(() => log.flush());
    log.flush();
    const { doorbell, posted } = opened;
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
    // The first turn follows the start of the first service.
    queueMicrotask(() => void run(reactor));
    return { reactor, log };
  }

  async function run(reactor: Reactor): Promise<void> {
    await reactor.run();
    // Not earlier: the main thread terminates the worker after the reply, and the descriptors of the reactor would remain.
    closed?.();
  }

  function answer(call: CallMessage): void {
    const { service, id, command } = call;
    const done = (result: unknown) =>
      post(service, { type: "reply", id, ok: true, result });
    const fail = (error: unknown) =>
      post(service, {
        type: "reply",
        id,
        ok: false,
        error: IpoibError.from(error).toJSON(),
      });
    try {
      const hosted = services.get(service);
      if (command === "close") close(call, done);
      else if (hosted) hosted.command(call, done, fail);
      else throw starting();
    } catch (error) {
      fail(error);
    }
  }

  function close(
    { service, params }: CallMessage,
    done: (result: unknown) => void,
  ): void {
    services.get(service)?.close();
    services.delete(service);
    running?.log.flush(true);
    const { last } = params as { last: boolean };
    if (!last || !running) return done({});
    closed = () => done({});
    running.reactor.stop();
  }
}

/** Error for calls during the start: the control socket exists before the interface. */
function starting(): IpoibError {
  return new IpoibError("E_STARTING", "The interface is still starting", {
    errno: Errno.EAGAIN,
    hint: "try again",
  });
}
