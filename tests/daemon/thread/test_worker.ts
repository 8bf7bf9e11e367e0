/** Worker of thread_test.ts, with commands that reply immediately, later, slowly, with an error, or never. */

import type { LogLevel } from "../../../src/base/log.ts";
import { IpoibError } from "../../../src/base/errors.ts";
import { PollReactor } from "../../../src/system/poll_reactor.ts";
import { serve } from "../../../src/daemon/thread/worker_side.ts";

export type TestCalls = Record<
  "echo" | "later" | "busy" | "emit" | "never" | "crash" | "nonsense",
  { params: unknown; result: unknown }
>;

export interface TestInit {
  log: LogLevel;
  fail?: boolean;
}

serve<TestInit>(() => new PollReactor(), (init, reactor, emit) => {
  if (init.fail) {
    throw new IpoibError("E_TEST", "Cannot start", {
      errno: 5,
      hint: "do not",
    });
  }
  const crash = reactor.timer(() => {
    throw new Error("crashed in a turn");
  });
  return {
    command: ({ command, params }, done) => {
      const { ms = 0 } = params as { ms?: number };
      switch (command) {
        case "echo":
          return done(params);
        case "later": {
          const timer = reactor.timer(() => {
            timer.close();
            done("later");
          });
          return timer.at(reactor.clock.now() + ms);
        }
        case "busy": {
          const end = performance.now() + ms;
          while (performance.now() < end);
          return done("busy");
        }
        case "emit":
          emit("event", params);
          return done({});
        case "never":
          return;
        case "crash":
          crash.at(reactor.clock.now() + ms);
          return done({});
        default:
          throw new IpoibError("E_TEST", `No ${command}`, { errno: 95 });
      }
    },
    close: () => emit("closed", {}),
  };
});
